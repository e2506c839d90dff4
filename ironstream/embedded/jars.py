"""Kafka's jars: a checked-in list with checksums, fetched once per user and verified at every start."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from typing import IO, Final

import requests
import stamina
from jgo.config import GlobalSettings
from jgo.constants import MAVEN_CENTRAL_URL
from jgo.maven import MavenContext, PythonResolver

from ironstream.cache import CACHE_VARIABLE, cache_dir
from ironstream.embedded.locks import exclusive
from ironstream.errors import BrokerError

_PARALLEL: Final = 4
_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Jar:
    """One jar of the lock: Maven coordinates and the checksum of the file."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """Name in the cache; the group is part of it because two groups may use one artifact name."""
        return f"{self.group}.{self.artifact}-{self.version}.jar"


@dataclass(frozen=True, slots=True)
class JarProgress:
    """State of the first download: jars done of all, bytes so far, and the jar that moved it."""

    done: int
    total: int
    received_bytes: int
    jar: str


class PlainProgress:
    """Shows the download as lines on stderr, one for each tenth of the jars."""

    def __init__(self) -> None:
        self._shown = -1

    def __call__(self, progress: JarProgress) -> None:
        """Print a line if there is enough news."""
        tenth = progress.done * 10 // progress.total
        if tenth > self._shown:
            self._shown = tenth
            print(
                f"Fetching Kafka (once per user): {progress.done} of {progress.total} jars,"
                f" {progress.received_bytes / 1e6:.0f} MB",
                file=sys.stderr,
            )


class DownloadCancelledError(Exception):
    """The caller of `ensure_jars` has given up; nothing half-made is left in the cache."""


def locked_jars() -> list[Jar]:
    """The jars of the lock that is shipped with the product."""
    return parse_lock(resources.files(__package__).joinpath("kafka-jars.lock").read_text(encoding="utf-8"))


def parse_lock(text: str) -> list[Jar]:
    """The jars of a lock: a line each, `group:artifact:version sha256`, `#` begins a comment."""
    jars = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            coordinates, sha256 = line.split()
            group, artifact, version = coordinates.split(":")
            jars.append(Jar(group, artifact, version, sha256))
    return jars


def kafka_version() -> str:
    """Version of the embedded Kafka."""
    return next(jar.version for jar in locked_jars() if jar.artifact == "kafka_2.13")


def jar_folder() -> Path:
    """Folder of the jars in the user's cache."""
    return cache_dir() / "jars"


def ensure_jars(
    jars: list[Jar],
    folder: Path,
    progress: Callable[[JarProgress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> list[Path]:
    """Paths of all jars in `folder`, after fetching those that are missing or damaged.

    Every file returned has the checksum of the lock. Several processes may call it at once: one fetches, the others
    wait. `progress` is called from worker threads, only when something is fetched. Raises BrokerError when a jar
    cannot be fetched, or is not the one that the lock names; DownloadCancelledError once `cancelled` says so.
    """
    paths = [folder / jar.file_name for jar in jars]
    try:
        if not _missing(jars, folder):
            return paths
        folder.mkdir(parents=True, exist_ok=True)
        with exclusive(folder / "lock"):
            # another process may have fetched them while this one waited
            if missing := _missing(jars, folder):
                _fetch_all(missing, folder, progress, cancelled)
    except OSError as err:
        raise BrokerError(
            f"The cache of Kafka's jars ({folder}) cannot be written: {err}",
            f"Free space or rights there, or name another folder: {CACHE_VARIABLE}=/path.",
        ) from err
    return paths


def _missing(jars: list[Jar], folder: Path) -> list[Jar]:
    return [jar for jar in jars if _sha256(folder / jar.file_name) != jar.sha256]


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def _fetch_all(
    jars: list[Jar], folder: Path, progress: Callable[[JarProgress], None], cancelled: Callable[[], bool]
) -> None:
    done = received = 0

    @contextmanager
    def report(name: str, _size: int) -> Iterator[Callable[[int], None]]:
        def update(count: int) -> None:
            nonlocal received
            if cancelled():
                raise DownloadCancelledError
            received += count
            progress(JarProgress(done, len(jars), received, name))

        yield update

    with (
        tempfile.TemporaryDirectory(dir=folder, prefix="incoming-") as scratch,
        ThreadPoolExecutor(_PARALLEL, thread_name_prefix="jars") as pool,
    ):
        context = MavenContext(
            resolver=PythonResolver(progress_callback=report),
            repo_cache=Path(scratch),
            # mirrors that the user has set up for jgo come with their own name, or replace "central"
            remote_repos={"central": MAVEN_CENTRAL_URL} | GlobalSettings.load().repositories,
            timeout=30,
        )
        try:
            for jar in pool.map(partial(_fetch, context, folder, cancelled), jars):
                done += 1
                progress(JarProgress(done, len(jars), received, jar.artifact))
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _fetch(context: MavenContext, folder: Path, cancelled: Callable[[], bool], jar: Jar) -> Jar:
    artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    try:
        # jgo raises RuntimeError when no repository has the file
        for attempt in stamina.retry_context(
            on=(requests.RequestException, RuntimeError), attempts=_TRIES, timeout=120
        ):
            with attempt:
                if cancelled():
                    raise DownloadCancelledError
                # jgo would take the torn file of the attempt before for a whole one
                (context.repo_cache / artifact.component.path_prefix / artifact.filename).unlink(missing_ok=True)
                fetched = artifact.resolve()
    except (requests.RequestException, RuntimeError) as err:
        raise BrokerError(
            f"{jar.artifact} {jar.version}, a part of Kafka, cannot be downloaded: {_root_cause(err)}",
            "The first start needs the internet (45 MB, once per user): check the connection and the proxy"
            f" (HTTPS_PROXY), or copy {folder} from a machine that has it, or use a Kafka that runs already:"
            " IRONSTREAM_BOOTSTRAP=host:port.",
        ) from err
    actual = _sha256(fetched)
    if actual != jar.sha256:
        raise BrokerError(
            f"{jar.artifact} {jar.version} as downloaded is not the file that ironstream was tested with"
            f" (sha256 {actual}, expected {jar.sha256}).",
            "A proxy may have replaced it by a page of its own; start again, or ask who runs the proxy or mirror.",
        )
    _publish(fetched, folder / jar.file_name)
    return jar


def _publish(fetched: Path, target: Path) -> None:
    with fetched.open("rb+") as file:
        _sync(file)
    fetched.replace(target)


def _sync(file: IO[bytes]) -> None:
    # without it, a power cut could leave the name with empty content
    os.fsync(file.fileno())


def _root_cause(err: BaseException) -> str:
    while (inner := err.__cause__ or err.__context__) is not None:
        err = inner
    return str(err) or type(err).__name__
