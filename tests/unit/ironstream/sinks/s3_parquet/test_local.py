from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from ironstream.errors import ConfigurationError
from ironstream.sinks.s3_parquet.local import LocalStore
from ironstream.sinks.s3_parquet.store import GoneError
from ironstream.sinks.sink import SinkUnavailableError
from tests.support.parquet import config_of, cut_of, files_below, log_of, offsets_in, sink_of


async def test_a_file_is_made_once_and_replaced_only_on_purpose(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert await store.create("a/b/c", b"first")
    assert not await store.create("a/b/c", b"second")
    assert await store.read("a/b/c") == b"first"
    await store.replace("a/b/c", b"third")
    assert await store.tail("a/b/c", 3) == b"ird"
    assert await store.tail("a/b/c", 99) == b"third"
    assert [entry.name for entry in await store.entries("a/b", "c")] == ["c"]
    await store.delete("a/b/c")
    await store.delete("a/b/c")
    assert await store.entries("a/b", "") == []
    assert await store.entries("nowhere", "") == []
    with pytest.raises(GoneError):
        await store.read("a/b/c")


async def test_of_writers_that_all_saw_the_name_free_one_gets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    monkeypatch.setattr(Path, "exists", lambda _self: False)
    made = await asyncio.gather(*(store.create("a/b", f"{at}".encode()) for at in range(8)))
    assert sum(made) == 1
    assert await store.read("a/b") == f"{made.index(True)}".encode()


async def test_nothing_is_left_beside_the_files(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for _ in range(2):
        await store.create("a/b", b"x")
    await store.replace("a/b", b"y")
    assert os.listdir(tmp_path / "a") == ["b"]


async def test_what_a_dead_writer_left_is_removed_and_a_living_ones_is_not(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    await store.create("a/topic-1-0.parquet", b"x")
    living = """if True:
        import fcntl, os, sys
        descriptor = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        print("locked", flush=True)
        sys.stdin.read()
    """
    dead, alive = (tmp_path / "a" / f".topic-1-{name}.parquet.1.tmp" for name in ("dead", "alive"))
    dead.write_bytes(b"half")
    with subprocess.Popen(  # noqa: ASYNC220  # it answers within a moment
        [sys.executable, "-c", living, str(alive)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        await store.entries("a", "topic-1-")
        left = sorted(os.listdir(tmp_path / "a"))
        process.kill()
    assert left == [alive.name, "topic-1-0.parquet"]
    await store.entries("a", "topic-1-")
    assert os.listdir(tmp_path / "a") == ["topic-1-0.parquet"]


async def test_a_link_that_leads_out_of_the_root_is_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    store = LocalStore(root)
    await store.connect()
    os.mkdir(outside)
    os.symlink(outside, root / "tenant=acme")
    with pytest.raises(SinkUnavailableError, match="outside of"):
        await store.create("tenant=acme/x", b"x")
    with pytest.raises(SinkUnavailableError, match="outside of"):
        await store.create("../outside/x", b"x")
    assert os.listdir(outside) == []


@pytest.mark.parametrize(("number", "hint"), [(errno.ENOSPC, "disk is full"), (errno.EDQUOT, "quota")])
async def test_a_full_disk_is_unavailable_leaves_nothing_and_is_healed_by_a_repeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, hint: str
) -> None:
    sink = sink_of(config_of(tmp_path))
    await sink.connect()
    cut = cut_of(sink, log_of(10, tenants=("acme", "zeta")))
    written = 0
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        nonlocal written
        written += 1
        if written == 3:
            raise OSError(number, os.strerror(number))
        # as a disk does that is nearly full: part of it
        return real(descriptor, data[:5000])

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(SinkUnavailableError) as caught:
        await sink.write(cut)
    monkeypatch.undo()
    assert hint in caught.value.hint
    assert [name for _, _, names in os.walk(tmp_path) for name in names if name.endswith(".tmp")] == []
    await sink.write(cut)
    assert offsets_in(tmp_path) == list(range(10))


FULL = """if True:
    import asyncio, resource, signal, sys
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    from ironstream.sinks.sink import SinkUnavailableError
    from tests.support.parquet import config_of, cut_of, log_of, sink_of
    async def run():
        sink = sink_of(config_of(sys.argv[1]))
        await sink.connect()
        cut = cut_of(sink, log_of(10))
        try:
            await sink.write(cut)
        except SinkUnavailableError as err:
            print(err.hint)
        soft = resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        await sink.write(cut)
    asyncio.run(run())
"""


def test_a_process_that_may_not_write_so_much_says_so_and_goes_on_when_it_may(tmp_path: Path) -> None:
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    assert hard == resource.RLIM_INFINITY
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    assert "no file this large" in done.stdout
    assert len(files_below(tmp_path)) == 1
    assert offsets_in(tmp_path) == list(range(10))


async def test_a_file_system_without_hard_links_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(source: str, target: str) -> None:
        raise OSError(errno.EPERM, "Operation not permitted", source, None, target)

    monkeypatch.setattr(os, "link", link)
    with pytest.raises(ConfigurationError, match="no hard links") as caught:
        await LocalStore(tmp_path / "a").connect()
    assert "conditional_put" in caught.value.hint
    await LocalStore(tmp_path / "a", conditional=False).connect()


async def test_a_path_that_is_a_file_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "lake").touch()
    with pytest.raises(SinkUnavailableError, match="lake"):
        await LocalStore(tmp_path / "lake").connect()


async def test_one_process_at_a_time_holds_a_lease(tmp_path: Path) -> None:
    first, second = LocalStore(tmp_path), LocalStore(tmp_path)
    async with first.lease("x") as lease:
        await lease.renew()
        with pytest.raises(SinkUnavailableError, match="locked"):
            async with second.lease("x"):
                pass
    async with second.lease("x"):
        pass


async def test_a_file_that_another_took_for_a_dead_ones_before_it_was_locked_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other = LocalStore(tmp_path), LocalStore(tmp_path)
    lock, seen = fcntl.flock, list[int]()

    def lock_late(descriptor: int, operation: int) -> None:
        if not seen:
            seen.append(descriptor)
            assert asyncio.run(other.entries("a", "b")) == []
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", lock_late)
    assert await store.create("a/b", b"text")
    assert seen
    assert os.listdir(tmp_path / "a") == ["b"]
