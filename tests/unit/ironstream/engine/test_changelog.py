"""The changelog read back: only what a marker of the claim in force confirms counts."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from ironstream.engine.api import Records
from ironstream.engine.changelog import Marker, Replay, Row, claim_key, marker_record, row_record
from tests.support.engine import MemoryRecord

A, B, C = b"claim-aa", b"claim-bb", b"claim-cc"


class Log:
    """A changelog partition made by hand."""

    def __init__(self) -> None:
        self.records: list[MemoryRecord] = []

    def append(self, key: bytes, value: bytes | None, headers: Sequence[tuple[str, bytes]] = ()) -> None:
        self.records.append(MemoryRecord(len(self.records), 0, key, value, headers))

    def claim(self, claim: bytes) -> None:
        self.append(claim_key(claim), b"{}")

    def row(self, claim: bytes, key: bytes, value: bytes | None) -> None:
        self.append(*row_record(claim, key, value))

    def marker(self, claim: bytes, source_offset: int, number: int = 1) -> None:
        self.append(*marker_record(claim, Marker(number, source_offset, 7, 0)))

    def replay(self, start: bytes = b"") -> tuple[Replay, list[Row]]:
        replay = Replay(start)
        replay.feed(self.records)
        return replay, replay.take()


def test_rows_count_once_their_marker_is_there() -> None:
    log = Log()
    log.claim(A)
    log.row(A, b"k", b"1")
    assert log.replay()[1] == []

    log.marker(A, 10)
    replay, rows = log.replay()

    assert rows == [(b"k", b"1")]
    assert replay.marker == Marker(1, 10, 7, 0)
    assert (replay.marker_claim, replay.marker_offset) == (A, 2)


def test_a_row_without_a_marker_is_dropped_by_the_next_claim_and_healed() -> None:
    log = Log()
    log.claim(A)
    log.row(A, b"k", b"1")
    log.marker(A, 10)
    log.row(A, b"k", b"half a commit")
    log.claim(B)

    replay, rows = log.replay()

    assert rows == [(b"k", b"1")]
    assert replay.to_heal == {b"k"}


def test_what_an_older_claim_writes_after_a_newer_one_is_dropped_marker_and_all() -> None:
    log = Log()
    log.claim(A)
    log.claim(B)
    log.row(A, b"k", b"stale")
    log.marker(A, 99, 9)
    log.row(B, b"k", b"right")
    log.marker(B, 10)

    replay, rows = log.replay()

    assert rows == [(b"k", b"right")]
    assert replay.marker is not None
    assert replay.marker.source_offset == 10


def test_a_deletion_carries_its_claim_in_a_header_and_is_fenced_like_any_row() -> None:
    log = Log()
    log.claim(A)
    log.row(A, b"k", b"1")
    log.marker(A, 1)
    log.claim(B)
    log.row(A, b"k", None)
    log.row(B, b"other", None)
    log.marker(B, 2)

    replay, rows = log.replay()

    assert rows == [(b"k", b"1"), (b"other", None)]
    assert replay.to_heal == {b"k"}


def test_reading_on_from_a_local_copy_knows_the_claim_it_ends_with() -> None:
    log = Log()
    log.row(A, b"k", b"2")
    log.marker(A, 20)

    assert log.replay(A)[1] == [(b"k", b"2")]
    assert log.replay(B)[1] == []


def test_records_without_a_key_are_not_ours() -> None:
    replay = Replay()
    replay.feed([MemoryRecord(0, 0, None, b"?")])
    assert replay.take() == []


steps = st.lists(
    st.one_of(
        st.tuples(st.just("row"), st.sampled_from([A, B, C]), st.sampled_from([b"x", b"y"]), st.integers(0, 9)),
        st.tuples(st.just("marker"), st.sampled_from([A, B, C])),
        st.tuples(st.just("claim"), st.sampled_from([A, B, C])),
    ),
    max_size=30,
)


@given(steps, st.lists(st.integers(1, 5), max_size=30))
def test_the_result_does_not_depend_on_how_the_log_is_fetched(steps: list[tuple[object, ...]], cuts: list[int]) -> None:
    log = Log()
    for number, (kind, claim, *rest) in enumerate(steps):
        assert isinstance(claim, bytes)
        if kind == "row":
            key, value = rest
            assert isinstance(key, bytes)
            assert isinstance(value, int)
            log.row(claim, key, b"%d" % value if value else None)
        elif kind == "marker":
            log.marker(claim, number, number)
        else:
            log.claim(claim)
    whole, rows = log.replay()

    for as_columns in (False, True):
        parts, found, at = Replay(), list[Row](), 0
        for cut in [*cuts, len(log.records)]:
            some = log.records[at : at + cut]
            if as_columns:
                parts.feed_columns(Records.of(some))
            else:
                parts.feed(some)
            found += parts.take()
            at += cut

        assert found == rows
        assert (parts.marker, parts.claim, parts.to_heal) == (whole.marker, whole.claim, whole.to_heal)


few_bytes = st.none() | st.binary(max_size=12)


@given(st.lists(st.tuples(few_bytes, few_bytes), max_size=8))
def test_records_that_nobody_of_ours_wrote_are_read_in_one_way(
    strange: list[tuple[bytes | None, bytes | None]],
) -> None:
    log = Log()
    log.claim(A)
    log.row(A, b"k", b"1")
    records = [*log.records, *(MemoryRecord(2 + at, 0, key, value) for at, (key, value) in enumerate(strange))]
    records.append(MemoryRecord(len(records), 0, *marker_record(A, Marker(1, 10, 7, 0))))
    one, other = Replay(), Replay()
    one.feed(records)
    other.feed_columns(Records.of(records))
    assert other.take() == one.take()
    assert (other.marker, other.claim, other.to_heal) == (one.marker, one.claim, one.to_heal)
