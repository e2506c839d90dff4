"""The system user that a server runs as which refuses to run as root."""

from __future__ import annotations

import os
import pwd
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ironstream.errors import DatabaseError

NAME: Final = "ironstream"
_TRAVERSE: Final = 0o001


@dataclass(frozen=True, slots=True)
class Account:
    """Ids of a user and of its group."""

    uid: int
    gid: int


def account_for(data: Path) -> Account | None:
    """Who is to own `data` and to run what uses it; None: we ourselves. Only root needs another.

    The owner of data that are there already goes on. Otherwise it is the system user `ironstream`, which is made where
    it is missing: the files are then nobody else's. Raises DatabaseError where it cannot be made.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    entry = _named(NAME) or _made(NAME)
    return Account(entry.pw_uid, entry.pw_gid)


def open_way_to(folder: Path) -> list[Path]:
    """Let every user pass through the folders above `folder`, which they may not list: those that had to be changed.

    Raises DatabaseError where that cannot be done.
    """
    closed = [above for above in folder.resolve().parents if not above.stat().st_mode & _TRAVERSE]
    for above in closed:
        try:
            above.chmod(above.stat().st_mode & 0o7777 | _TRAVERSE)
        except OSError as err:
            raise DatabaseError(
                f"PostgreSQL does not run as root, and no other user can reach its programs below {above}: {err}",
                f"Run as an ordinary user, or let others pass: chmod o+x {above}",
            ) from err
    return closed


def _named(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _made(name: str) -> pwd.struct_passwd:
    command = ["useradd", "--system", "--no-create-home", "--user-group", "--shell", "/usr/sbin/nologin", name]
    # whether it is there is looked at below: another process may have made it at the same time
    with suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=30, check=False)
    if entry := _named(name):
        return entry
    raise DatabaseError(
        f"PostgreSQL does not run as root, and the system user {name} cannot be made.",
        f"Run as an ordinary user, or make it by hand: {' '.join(command)}",
    )
