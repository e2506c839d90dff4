"""Fetching the jars, against a small repository of our own on loopback."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import stamina

from ironstream.embedded.jars import (
    DownloadCancelledError,
    Jar,
    JarProgress,
    PlainProgress,
    ensure_jars,
    kafka_version,
    locked_jars,
)
from ironstream.errors import BrokerError


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing on stderr."""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Folder of a Maven repository that jgo is set up to use instead of the public one."""
    root = tmp_path / "repository"
    root.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    config = tmp_path / "jgo.conf"
    config.write_text(f"[repositories]\ncentral = http://127.0.0.1:{server.server_port}\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(config))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with stamina.set_testing(True, attempts=2):
        yield root
    server.shutdown()
    thread.join()
    server.server_close()


def publish(repository: Path, artifact: str, content: bytes) -> Jar:
    folder = repository / "org" / "example" / artifact / "1.0"
    folder.mkdir(parents=True)
    (folder / f"{artifact}-1.0.jar").write_bytes(content)
    return Jar("org.example", artifact, "1.0", hashlib.sha256(content).hexdigest())


def test_missing_jars_are_fetched_and_reported(repository: Path, tmp_path: Path) -> None:
    jars = [publish(repository, "one", b"1" * 100_000), publish(repository, "two", b"2" * 50_000)]
    seen: list[JarProgress] = []

    paths = ensure_jars(jars, tmp_path / "cache", seen.append)

    assert [path.read_bytes() for path in paths] == [b"1" * 100_000, b"2" * 50_000]
    assert (seen[-1].done, seen[-1].total, seen[-1].received_bytes) == (2, 2, 150_000)


def test_nothing_is_asked_of_the_repository_once_the_jars_are_there(repository: Path, tmp_path: Path) -> None:
    jar = publish(repository, "one", b"1")
    ensure_jars([jar], tmp_path / "cache")
    (repository / "org" / "example" / "one" / "1.0" / "one-1.0.jar").unlink()
    seen: list[JarProgress] = []

    ensure_jars([jar], tmp_path / "cache", seen.append)

    assert seen == []


def test_a_damaged_jar_is_fetched_anew(repository: Path, tmp_path: Path) -> None:
    jar = publish(repository, "one", b"whole")
    (path,) = ensure_jars([jar], tmp_path / "cache")
    path.write_bytes(b"who")

    ensure_jars([jar], tmp_path / "cache")

    assert path.read_bytes() == b"whole"


def test_another_file_than_the_locked_one_is_refused_and_not_kept(repository: Path, tmp_path: Path) -> None:
    jar = publish(repository, "one", b"locked")
    (repository / "org" / "example" / "one" / "1.0" / "one-1.0.jar").write_bytes(b"<html>Please log in</html>")

    with pytest.raises(BrokerError, match="is not the file that ironstream was tested with") as caught:
        ensure_jars([jar], tmp_path / "cache")

    assert "proxy" in caught.value.hint
    assert not list((tmp_path / "cache").glob("*.jar"))


def test_a_jar_that_cannot_be_fetched_is_named_with_ways_out(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match=r"absent 1\.0, a part of Kafka, cannot be downloaded") as caught:
        ensure_jars([Jar("org.example", "absent", "1.0", "0" * 64)], tmp_path / "cache")

    assert "IRONSTREAM_BOOTSTRAP" in caught.value.hint


def test_without_a_network_the_error_says_that_the_first_start_needs_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "jgo.conf"
    config.write_text("[repositories]\ncentral = http://127.0.0.1:1\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(config))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    with stamina.set_testing(True), pytest.raises(BrokerError) as caught:
        ensure_jars(locked_jars()[:2], tmp_path / "cache")

    assert "The first start needs the internet" in caught.value.hint


def test_a_download_that_is_given_up_leaves_no_part_behind(repository: Path, tmp_path: Path) -> None:
    jar = publish(repository, "one", b"1" * 100_000)
    give_up = threading.Event()

    with pytest.raises(DownloadCancelledError):
        ensure_jars([jar], tmp_path / "cache", lambda _: give_up.set(), give_up.is_set)

    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["lock"]


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(BrokerError, match="cannot be written") as caught:
        ensure_jars([Jar("g", "a", "1", "0" * 64)], tmp_path / "file" / "cache")

    assert "IRONSTREAM_CACHE_DIR" in caught.value.hint


def test_two_callers_at_once_fetch_once(repository: Path, tmp_path: Path) -> None:
    jar = publish(repository, "one", b"1" * 100_000)
    seen: list[JarProgress] = []
    threads = [threading.Thread(target=ensure_jars, args=([jar], tmp_path / "cache", seen.append)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [progress.done for progress in seen].count(1) == 1


def test_the_lock_names_each_jar_once_with_a_checksum_and_no_address() -> None:
    jars = locked_jars()

    assert len({jar.file_name for jar in jars}) == len(jars)
    assert all(len(jar.sha256) == 64 for jar in jars)
    assert kafka_version().startswith("4.1.")


def test_plain_progress_says_something_for_each_tenth_only(capsys: pytest.CaptureFixture[str]) -> None:
    show = PlainProgress()
    for done in range(101):
        show(JarProgress(done, 100, done * 1_000_000, "jar"))

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 11
    assert lines[-1].endswith("100 of 100 jars, 100 MB")
