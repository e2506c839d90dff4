"""Rows of one partition: what is put is seen at once, and durable only with a commit."""

from __future__ import annotations

import os
import resource
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ironstream.engine.database import DAMAGED, StoreOptions
from ironstream.engine.store import LocalCommit, PartitionStore
from ironstream.errors import StoreError

COMMIT = LocalCommit(b"claim-aa", 12, 340, 3, 1_700_000_000_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(path: Path) -> Iterator[PartitionStore]:
    opened = PartitionStore(path, StoreOptions(cache_mb=1, write_buffer_mb=1))
    yield opened
    opened.close()


def reopened(store: PartitionStore, path: Path) -> PartitionStore:
    store.close()
    return PartitionStore(path, StoreOptions(cache_mb=1, write_buffer_mb=1))


def test_a_change_is_seen_at_once_and_gone_after_a_crash(path: Path) -> None:
    store = PartitionStore(path, StoreOptions(1, 1))
    store.put(b"k", b"1")
    assert store.get(b"k") == b"1"

    after = reopened(store, path)

    assert after.get(b"k") is None
    assert after.committed() is None
    after.close()


def test_a_commit_keeps_rows_and_offsets_together(path: Path) -> None:
    store = PartitionStore(path, StoreOptions(1, 1))
    store.put(b"k", b"1")
    store.write(store.take_changes().items(), COMMIT)

    after = reopened(store, path)

    assert after.get(b"k") == b"1"
    assert after.committed() == COMMIT
    after.close()


def test_changes_taken_by_a_commit_stay_readable_until_it_is_done(store: PartitionStore) -> None:
    store.put(b"k", b"1")
    taken = store.take_changes()
    store.put(b"k", b"2")

    assert store.get(b"k") == b"2"
    assert dict(store.scan(b"k")) == {b"k": b"2"}
    store.write(taken.items(), COMMIT)
    assert store.get(b"k") == b"2"
    assert store.take_changes() == {b"k": b"2"}


def test_a_deletion_hides_the_stored_row(store: PartitionStore) -> None:
    store.put(b"k", b"1")
    store.write(store.take_changes().items(), COMMIT)
    store.delete(b"k")

    assert store.get(b"k") is None
    assert list(store.scan(b"")) == []
    store.write(store.take_changes().items(), COMMIT)
    assert store.get(b"k") is None


def test_healing_writes_a_row_again_as_it_stands_and_deletes_what_is_not_there(store: PartitionStore) -> None:
    store.put(b"k", b"1")
    store.write(store.take_changes().items(), COMMIT)
    store.put(b"changed", b"new")

    store.heal([b"k", b"never", b"changed"])

    assert store.take_changes() == {b"k": b"1", b"never": None, b"changed": b"new"}


def test_a_copy_of_an_older_format_is_removed_with_its_rows(path: Path) -> None:
    store = PartitionStore(path, StoreOptions(1, 1))
    store.write([(b"k", b"1")], LocalCommit(b"claim-aa", 1, 2, 3, 4, format=0))

    after = reopened(store, path)

    assert after.committed() is None
    assert list(after.scan(b"")) == []
    after.close()


def test_a_copy_of_a_newer_format_is_refused_and_left_as_it_is(path: Path) -> None:
    store = PartitionStore(path, StoreOptions(1, 1))
    store.write([(b"k", b"1")], LocalCommit(b"claim-aa", 1, 2, 3, 4, format=99))
    store.close()
    before = {file.name for file in path.glob("*.sst")}

    with pytest.raises(StoreError, match="has format 99, this release reads up to") as refusal:
        PartitionStore(path, StoreOptions(1, 1))

    assert "newer release" in refusal.value.hint
    assert before <= {file.name for file in path.glob("*.sst")}


def garbled(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.seek(file.stat().st_size // 3)
        opened.write(os.urandom(2000))


def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def emptied(file: Path) -> None:
    os.truncate(file, 0)


def filled(path: Path) -> None:
    """Three commits in files of their own; the largest holds keys that are in no other."""
    for number in range(1, 4):
        store = PartitionStore(path, StoreOptions(1, 1))
        rows = [(b"k/%d/%06d" % (number, at), os.urandom(100)) for at in range(2_000 * number)]
        store.write(rows, LocalCommit(b"claim-aa", number, number, number, 0))
        store.close()


@pytest.mark.parametrize(
    ("pattern", "damage"),
    [("*.sst", cut), ("*.sst", Path.unlink), ("MANIFEST-*", garbled), ("MANIFEST-*", Path.unlink),
     ("CURRENT", emptied), ("CURRENT", Path.unlink)],
    ids=lambda value: getattr(value, "__name__", value),
)  # fmt: skip
def test_a_damaged_copy_is_removed_when_it_is_opened(
    path: Path, pattern: str, damage: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    filled(path)
    damage(max(path.glob(pattern), key=lambda file: file.stat().st_size))

    after = PartitionStore(path, StoreOptions(1, 1))

    assert after.committed() is None
    assert list(after.scan(b"")) == []
    assert "local copy removed" in capsys.readouterr().out
    after.close()


@pytest.mark.parametrize("left", [0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.99])
def test_a_cut_manifest_gives_an_earlier_commit_whole_or_nothing(path: Path, left: float) -> None:
    filled(path)
    (manifest,) = path.glob("MANIFEST-*")
    os.truncate(manifest, int(manifest.stat().st_size * left))

    after = PartitionStore(path, StoreOptions(1, 1))

    commit = after.committed()
    rows = Counter(int(key.split(b"/")[1]) for key, _ in after.scan(b"k/"))
    assert rows == {number: 2_000 * number for number in range(1, (commit.number if commit else 0) + 1)}
    after.close()


def test_garbage_in_a_table_ends_a_scan_with_an_error_and_the_next_start_rebuilds(path: Path) -> None:
    filled(path)
    garbled(max(path.glob("*.sst"), key=lambda file: file.stat().st_size))
    store = PartitionStore(path, StoreOptions(1, 1))

    with pytest.raises(StoreError, match="is damaged"):
        list(store.scan(b"k/"))

    assert (path / DAMAGED).exists()
    after = reopened(store, path)
    assert after.committed() is None
    assert list(after.scan(b"")) == []
    after.close()


def test_garbage_in_a_table_is_no_missing_row(path: Path) -> None:
    filled(path)
    garbled(max(path.glob("*.sst"), key=lambda file: file.stat().st_size))
    store = PartitionStore(path, StoreOptions(1, 1))

    with pytest.raises(StoreError, match="is damaged"):
        assert None not in [store.get(b"k/3/%06d" % at) for at in range(6_000)]
    store.close()


def test_without_room_a_write_says_so_and_what_was_written_is_an_earlier_commit(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = PartitionStore(path, StoreOptions(2, 1))
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, unlimited[1]))
    written = 0

    def write_for_ever() -> None:
        nonlocal written
        for number in range(1, 2_000):
            rows = [(b"k/%d/%d" % (number, at), os.urandom(100)) for at in range(100)]
            store.write(rows, LocalCommit(b"claim-aa", number, number, number, 0))
            written = number

    try:
        with pytest.raises(StoreError, match="There is no room for the local copy"):
            write_for_ever()
        store.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert "local copy not written out" in capsys.readouterr().out

    after = PartitionStore(path, StoreOptions(2, 1))
    commit = after.committed()
    assert len(list(after.scan(b"k/"))) == 100 * (commit.number if commit else 0)
    assert (commit.number if commit else 0) <= written
    after.close()


def test_rows_without_a_commit_are_removed(path: Path) -> None:
    store = PartitionStore(path, StoreOptions(1, 1))
    store._db[b"k"] = b"1"

    after = reopened(store, path)

    assert list(after.scan(b"")) == []
    after.close()


def test_a_destroyed_copy_is_gone(path: Path) -> None:
    store = PartitionStore(path, StoreOptions(1, 1))
    store.write([(b"k", b"1")], COMMIT)
    store.close()

    PartitionStore.destroy(path)

    assert not path.exists()


keys = st.sampled_from([b"a/1", b"a/2", b"a/3", b"b/1", b"b/2"])


@settings(max_examples=40, deadline=None)
@given(ops=st.lists(st.tuples(st.sampled_from(["put", "delete", "take", "write"]), keys, st.binary(max_size=2))))
def test_scan_and_get_agree_with_a_dict_whatever_is_committed(
    tmp_path_factory: pytest.TempPathFactory, ops: list[tuple[str, bytes, bytes]]
) -> None:
    store = PartitionStore(tmp_path_factory.mktemp("store"), StoreOptions(1, 1))
    model: dict[bytes, bytes] = {}
    taken: dict[bytes, bytes | None] | None = None
    for op, key, value in ops:
        if op == "put":
            store.put(key, value)
            model[key] = value
        elif op == "delete":
            store.delete(key)
            model.pop(key, None)
        elif op == "take" and taken is None:
            taken = store.take_changes()
        elif op == "write" and taken is not None:
            store.write(taken.items(), COMMIT)
            taken = None
        for prefix in (b"a/", b"b/"):
            assert list(store.scan(prefix)) == sorted((k, v) for k, v in model.items() if k.startswith(prefix))
        assert store.get(key) == model.get(key)
    store.close()


def test_what_is_stored_is_what_the_last_commit_left(store: PartitionStore) -> None:
    store.put(b"k/1", b"")
    store.put(b"k/2", b"")
    store.put(b"k/4", b"")
    assert list(store.stored(b"k/", b"k/9")) == []
    store.write(store.take_changes().items(), COMMIT)
    store.put(b"k/3", b"")
    store.delete(b"k/2")
    assert list(store.stored(b"k/1", b"k/4")) == [b"k/1", b"k/2"]
    assert list(store.stored(b"k/3", b"z")) == [b"k/4"]
    assert list(store.stored(b"k/5", b"k/9")) == []
