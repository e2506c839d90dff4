"""The buffer's file: what is put in comes out in order, is given up by priority, and is never half there."""

from __future__ import annotations

import errno
import json
import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ironstream.gateway.buffer_file import BufferFile
from ironstream.gateway.chunks import Chunk
from ironstream.gateway.locked_database import BufferFault
from ironstream.gateway.outgoing import Outgoing, Priority
from ironstream.gateway.overflow import Overflow

CAP = 20_000


def outgoing(text: str, priority: Priority = Priority.NORMAL, key: bytes = b"a", pad: int = 100) -> Outgoing:
    return Outgoing("telemetry.raw", key, text.encode().ljust(pad, b"."), priority)


def texts(chunks: list[Chunk]) -> list[str]:
    return [record.value.decode().rstrip(".") for chunk in chunks for record in chunk.records]


@pytest.fixture
def file(tmp_path: Path) -> Iterator[BufferFile]:
    opened = BufferFile(tmp_path / "b.sqlite", CAP)
    yield opened
    opened.close()


class Buffering(RuleBasedStateMachine):
    """Any sequence of puts, reads, acknowledgements, expiries, crashes and restarts, beside a model of lists."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "b.sqlite"
        self.file = BufferFile(self.path, CAP)
        self.now_s = 0.0
        self.number = 0
        self.taken = 0
        self.on_the_way: list[Chunk] = []
        self.put: dict[tuple[bytes, Priority], list[str]] = defaultdict(list)
        self.gone: dict[tuple[bytes, Priority], set[str]] = defaultdict(set)
        self.dropped_alarms = 0

    def teardown(self) -> None:
        self.file.close()
        self.folder.cleanup()

    @rule(
        kinds=st.lists(st.tuples(st.sampled_from(Priority), st.sampled_from([b"a", b"b"])), max_size=40),
        in_flight=st.integers(0, 5),
        pad=st.integers(10, 2_000),
    )
    def write(self, kinds: list[tuple[Priority, bytes]], in_flight: int, pad: int) -> None:
        if self.file.is_full:
            return
        records = []
        for priority, key in kinds:
            self.number += 1
            records.append(outgoing(str(self.number), priority, key, pad))
            self.put[key, priority].append(str(self.number))
        waiting = self.file.after(self.taken)
        # what is on its way when nothing older waits is not on disk yet
        first = records[:in_flight] if not waiting else []
        others = records[len(first) :]
        self.now_s += 1
        appended = self.file.append(first, others, self.now_s, self.taken)
        if first:
            ids = appended.ids[: len(first)]
            self.taken = max(ids)
            for one in sorted(set(ids)):
                members = [record for record, chunk_id in zip(first, ids, strict=True) if chunk_id == one]
                self.on_the_way.append(Chunk(one, members[0].priority, members))
        self.note(appended.dropped)

    def note(self, dropped: list[Chunk]) -> None:
        for chunk in dropped:
            assert chunk.id > self.taken
            self.dropped_alarms += chunk.priority is Priority.ALARM
            self.forget(chunk)

    def forget(self, chunk: Chunk) -> None:
        for record in chunk.records:
            text = record.value.decode().rstrip(".")
            gone = self.gone[record.key or b"", record.priority]
            assert text not in gone
            gone.add(text)

    @rule(max_bytes=st.integers(1, 10_000))
    def read(self, max_bytes: int) -> None:
        for chunk in self.file.read(self.taken, max_bytes):
            self.taken = chunk.id
            self.on_the_way.append(chunk)

    @rule()
    def acknowledge(self) -> None:
        assert self.file.remove([chunk.id for chunk in self.on_the_way]) == len(self.on_the_way)
        for chunk in self.on_the_way:
            self.forget(chunk)
        self.on_the_way = []

    @rule(age_s=st.integers(0, 10))
    def expire(self, age_s: int) -> None:
        self.note(self.file.expire(self.now_s - age_s, self.taken))

    @rule()
    def restart(self) -> None:
        self.file.close()
        self.file = BufferFile(self.path, CAP)
        self.on_the_way, self.taken = [], 0

    @invariant()
    def all_that_is_not_gone_is_there_in_order(self) -> None:
        found: dict[tuple[bytes, Priority], list[str]] = defaultdict(list)
        for chunk in self.file.read(0, 1 << 40):
            for record in chunk.records:
                found[record.key or b"", record.priority].append(record.value.decode().rstrip("."))
        for name, numbers in self.put.items():
            assert found[name] == [number for number in numbers if number not in self.gone[name]]
        assert self.dropped_alarms == 0
        assert self.file.records.total() == sum(map(len, found.values()))
        assert self.file.after(self.taken) == self.file.records.total() - sum(len(c.records) for c in self.on_the_way)


TestBuffering = Buffering.TestCase
TestBuffering.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


def test_the_oldest_of_the_lowest_priority_makes_room_and_alarms_stay(file: BufferFile) -> None:
    alarms = [outgoing(f"alarm{n}", Priority.ALARM) for n in range(5)]
    file.append([], alarms, 1.0, 0)
    for n in range(0, 400, 10):
        file.append([], [outgoing(f"high{n + i}", Priority.HIGH) for i in range(5)], 1.0, 0)
        file.append([], [outgoing(f"low{n + i}", Priority.LOW) for i in range(5)], 1.0, 0)
    left = texts(file.read(0, 1 << 30))
    assert left[:5] == [f"alarm{n}" for n in range(5)]
    assert file.bytes.total() <= CAP
    high = [int(text[4:]) for text in left if text.startswith("high")]
    assert high
    assert high == sorted(high)
    assert high[-1] == 394
    # as long as there are low ones, none of the high ones goes; the last were added after the last room was made
    assert [text for text in left if text.startswith("low")] in ([], [f"low{390 + i}" for i in range(5)])


def test_what_is_on_its_way_is_not_given_up(file: BufferFile) -> None:
    file.append([outgoing(f"way{n}", Priority.LOG) for n in range(20)], [], 1.0, 0)
    taken = file.next_id - 1
    file.append([], [outgoing(str(n), Priority.EVENT) for n in range(400)], 1.0, taken)
    assert [text for text in texts(file.read(0, 1 << 30)) if text.startswith("way")] == [f"way{n}" for n in range(20)]


def test_what_is_on_its_way_when_it_is_written_makes_no_room_for_what_is_written_with_it(file: BufferFile) -> None:
    way, others = [outgoing("way", Priority.LOG)], [outgoing(str(n)) for n in range(400)]
    appended = file.append(way, others, 1.0, 0)
    assert appended.dropped
    assert texts(file.read(0, 1 << 30))[0] == "way"


def test_what_was_counted_in_a_write_that_failed_is_not_counted(
    file: BufferFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps({"asset_id": "pump", "parameter": "t", "timestamps": {"gateway_time": "2025"}}).encode()
    readings = [Outgoing("telemetry.raw", b"k", body.ljust(1_000), Priority.LOW) for _ in range(15)]
    alarms = [outgoing(str(n), Priority.ALARM, pad=5_000) for n in range(2)]
    file.append([], readings, 1.0, 0)

    def no_room(*_: object) -> bytes:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Overflow, "encoded", no_room)
        with pytest.raises(BufferFault, match="No space"):
            file.append([], alarms, 1.0, 0)
    assert [bool(file.overflow)] == [False]
    assert len(texts(file.read(0, 1 << 30))) == file.records.total() == 15
    dropped = file.append([], alarms, 1.0, 0).dropped
    (told, _) = file.overflow.records(b"default/default/pump", record_id="r", hostname="gw", time="2025")
    assert json.loads(told.value)["readings"] == sum(len(chunk.records) for chunk in dropped) > 0


def test_alarms_alone_make_it_full(file: BufferFile) -> None:
    file.append([], [outgoing(str(n)) for n in range(400)], 1.0, 0)
    assert [file.is_full] == [False]
    file.append([], [outgoing(str(n), Priority.ALARM, pad=1000) for n in range(25)], 1.0, 0)
    assert file.is_full
    assert texts(file.append([], [outgoing("x")], 1.0, 0).dropped) == ["x"]


def test_what_was_dropped_is_counted_once_and_kept_over_a_restart(tmp_path: Path) -> None:
    def reading(seq: int) -> Outgoing:
        body = {
            "asset_id": "pump", "parameter": "t", "timestamps": {"gateway_time": f"2025-01-10T12:00:00.{seq:06}Z"},
            "metadata": {"boot": "b1", "seq": seq}, "value": 1.0,
        }  # fmt: skip
        return Outgoing("telemetry.raw", b"default/default/pump", json.dumps(body).encode())

    file = BufferFile(tmp_path / "b.sqlite", CAP)
    for seq in range(1, 301):
        file.append([], [reading(seq)], 1.0, 0)
    kept = file.records.total()
    file.close()
    file = BufferFile(tmp_path / "b.sqlite", CAP)
    assert file.overflow.assets == [b"default/default/pump"]
    assert file.tell(file.overflow.assets, 2.0, "2025-01-10T12:00:01.000000Z", "gw") == 2
    assert not file.overflow
    records = [record for chunk in file.read(0, 1 << 30) for record in chunk.records]
    told = json.loads(next(record.value for record in records if record.topic == "dlq.buffer_overflow"))
    assert told["readings"] == 300 - kept
    assert told["dropped"][0]["seq"] == [[1, 300 - kept]]
    assert {record.priority for record in records[-2:]} == {Priority.ALARM}
    file.close()
    file = BufferFile(tmp_path / "b.sqlite", CAP)
    assert not file.overflow
    file.close()


def test_a_full_disk_changes_nothing_and_says_so(file: BufferFile) -> None:
    file.append([], [outgoing("before")], 1.0, 0)
    file._db.execute(f"PRAGMA max_page_count = {file._db.execute('PRAGMA page_count').fetchone()[0]}")
    with pytest.raises(BufferFault, match="full") as raised:
        file.append([], [outgoing("after", pad=100_000)], 1.0, 0)
    assert (raised.value.full, raised.value.damaged) == (True, False)
    assert texts(file.read(0, 1 << 30)) == ["before"]
    assert file.records.total() == 1
    file._db.execute("PRAGMA max_page_count = 100000")
    file.append([], [outgoing("after", Priority.ALARM)], 1.0, 0)
    assert texts(file.read(0, 1 << 30)) == ["before", "after"]


def test_two_processes_do_not_share_a_file(file: BufferFile, tmp_path: Path) -> None:
    with pytest.raises(BufferFault, match="another process"):
        BufferFile(tmp_path / "b.sqlite", CAP)
    file.close()
    BufferFile(tmp_path / "b.sqlite", CAP).close()


def test_a_file_of_a_newer_format_is_left_as_it_is(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "b.sqlite") as db:
        db.execute("PRAGMA user_version = 2")
    db.close()
    with pytest.raises(BufferFault, match="format 2") as raised:
        BufferFile(tmp_path / "b.sqlite", CAP)
    assert not raised.value.damaged


def test_a_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "b.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(BufferFault) as raised:
        BufferFile(tmp_path / "b.sqlite", CAP)
    assert raised.value.damaged


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_file_with_any_bytes_changed_raises_only_its_own_fault(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "b.sqlite"
        file = BufferFile(path, CAP)
        file.append([], [outgoing(str(n), Priority(n % 6)) for n in range(60)], 1.0, 0)
        file.close()
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 20))):
            at = data.draw(st.integers(0, len(content) - 1))
            content[at] = data.draw(st.integers(0, 255))
        path.write_bytes(content)
        try:
            file = BufferFile(path, CAP)
        except BufferFault:
            return
        try:
            chunks = file.read(0, 1 << 30)
            file.append([], [outgoing(str(n)) for n in range(300)], 1.0, 0)
            file.remove([chunk.id for chunk in chunks])
        except BufferFault:
            pass
        finally:
            file.close()
