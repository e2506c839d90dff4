"""The data folder of the embedded Kafka: who may use it, what is in it, how it is formatted.

DIR/log/             Kafka's own data (meta.properties, one folder per partition)
DIR/kafka.version    version of Kafka that wrote it last
DIR/kafka.log        Kafka's log; kafka.out what the JVM itself says
DIR/lock             held while a broker runs on the folder
"""

from __future__ import annotations

import base64
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import Final

from ironstream.embedded.locks import wait_for_lock
from ironstream.errors import BrokerError

_META_VERSION: Final = "1"
_META_KEYS: Final = ("version", "cluster.id", "node.id")


class Storage:
    """One data folder. All methods raise BrokerError that says what to do about the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log_dir = folder / "log"
        self.kafka_log = folder / "kafka.log"
        self.jvm_output = folder / "kafka.out"
        self.server_properties = folder / "server.properties"
        self._version_file = folder / "kafka.version"

    async def lock(self, wait_s: float) -> int:
        """Descriptor of the folder's lock; makes the folder. A broker that stops gets `wait_s` to let go of it."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = await wait_for_lock(self.folder / "lock", wait_s)
        except OSError as err:
            raise BrokerError(
                f"The data folder {self.folder} cannot be used: {err}",
                "Mend its rights, or name another folder: IRONSTREAM_DATA_DIR=/path.",
            ) from err
        if descriptor is None:
            raise BrokerError(
                f"Another embedded Kafka is running on {self.folder}.",
                "Stop it (`ironstream up` or `demo` in another terminal?), or name another folder:"
                " IRONSTREAM_DATA_DIR=/path.",
            )
        return descriptor

    @property
    def formatted(self) -> bool:
        """Whether Kafka's data are there; a folder that holds something else is refused."""
        if (self.log_dir / "meta.properties").exists():
            return True
        if self.log_dir.exists() and any(self.log_dir.iterdir()):
            raise self._damaged("meta.properties is missing")
        return False

    def cluster_id(self, kafka_version: str) -> str:
        """Id of the cluster whose data these are, once it is sure that Kafka `kafka_version` can read them."""
        self._check_version(kafka_version)
        path = self.log_dir / "meta.properties"
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as err:
            raise self._damaged(f"meta.properties cannot be read: {err}") from err
        meta = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
        if missing := [key for key in _META_KEYS if not meta.get(key)]:
            raise self._damaged(f"meta.properties lacks {', '.join(missing)}")
        if meta["version"] != _META_VERSION or meta["node.id"] != "1":
            raise self._foreign(f"meta.properties has version {meta['version']} and node.id {meta['node.id']}")
        return meta["cluster.id"]

    def format(self, command: list[str], properties: str, kafka_version: str) -> str:
        """Make an empty store with Kafka's own tool (`command` runs it, its arguments are added): its cluster id.

        `properties` is a server configuration with `log.dirs` left out. Interrupted, it leaves nothing that counts.
        """
        fresh = self.folder / "log.new"
        shutil.rmtree(fresh, ignore_errors=True)
        config = self.folder / "format.properties"
        config.write_text(f"{properties}log.dirs={fresh}\n", encoding="utf-8")
        cluster_id = _new_cluster_id()
        try:
            subprocess.run(
                [*command, "format", "-t", cluster_id, "-c", str(config)],
                capture_output=True, text=True, check=True, timeout=120, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.SubprocessError as err:
            said = "".join(filter(None, (getattr(err, "stdout", None), getattr(err, "stderr", None)))) or str(err)
            raise BrokerError(
                f"Kafka cannot format {self.folder}:\n{said.strip()[-1500:]}",
                "Is the disk full? Else name another folder: IRONSTREAM_DATA_DIR=/path.",
            ) from err
        finally:
            config.unlink()
        if self.log_dir.exists():
            self.log_dir.rmdir()  # `formatted` found it empty
        fresh.rename(self.log_dir)
        self.stamp(kafka_version)
        return cluster_id

    def stamp(self, kafka_version: str) -> None:
        """Note which Kafka has the data now."""
        self._version_file.write_text(kafka_version + "\n", encoding="utf-8")

    def _check_version(self, ours: str) -> None:
        try:
            theirs = self._version_file.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError) as err:
            raise self._damaged(f"kafka.version cannot be read: {err}") from err
        try:
            newer = _release(theirs) > _release(ours)
        except ValueError as err:
            raise self._foreign(f"kafka.version says {theirs!r}") from err
        if newer:
            raise self._foreign(f"Kafka {theirs} wrote it, this ironstream has Kafka {ours}")

    def _damaged(self, why: str) -> BrokerError:
        return BrokerError(
            f"The data folder {self.folder} is damaged: {why}.",
            f"Restore it from a backup; or move it away to start empty: mv {self.folder} {self.folder}.damaged",
        )

    def _foreign(self, why: str) -> BrokerError:
        return BrokerError(
            f"The data in {self.folder} are not for this Kafka: {why}.",
            "Use the ironstream that wrote them, or newer; or name another folder: IRONSTREAM_DATA_DIR=/path.",
        )


def _release(version: str) -> tuple[int, int]:
    """The part of Kafka's version that can change the format on disk; ValueError when it is none."""
    major, minor, *_ = version.split(".")
    return int(major), int(minor)


def _new_cluster_id() -> str:
    while True:
        # 22 characters of URL-safe base64 as Kafka writes ids; a leading dash would read as an option
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text
