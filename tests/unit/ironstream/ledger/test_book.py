"""The arithmetic of the ledger."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.commands.ledger import moment_of
from ironstream.errors import ConfigurationError
from ironstream.ledger.book import TIMES_KEPT, Book, Named
from ironstream.ledger.report import as_json
from ironstream.ledger.sets import Numbers, Offsets, Ranges
from ironstream.overflow import BufferOverflow, DroppedReadings


def reading(seq: int, boot: str | None = "b1", time: int = 0) -> Named:
    return Named("acme/north/pump", "temperature", boot, seq, time)


def take(book: Book, offset: int, named: Named, became: str = "clean") -> None:
    refused = None if became in ("clean", "nothing", "pending") else became
    book.take(named, (0, offset), clean=became == "clean", refused=refused, pending=became == "pending")


@given(st.lists(st.integers(1, 60)))
def test_ranges_hold_what_was_put_in_and_name_what_was_not(numbers: list[int]) -> None:
    ranges = Ranges()
    for number in numbers:
        ranges.add(number)

    assert {number for number in range(70) if number in ranges} == set(numbers)
    if numbers:
        gone = {number for first, last in ranges.holes(1) for number in range(first, last + 1)}
        assert gone == set(range(1, max(numbers) + 1)) - set(numbers)
        assert (ranges.low, ranges.high) == (min(numbers), max(numbers))


def test_a_run_in_any_order_is_one_range_in_the_end() -> None:
    numbers, ranges = list(range(1, 1001)), Ranges()
    random.Random(1).shuffle(numbers)
    for number in numbers:
        ranges.add(number)

    assert len(ranges._first) == 1
    assert ranges.holes(1) == []


@given(st.sets(st.integers(100, 180)), st.sets(st.integers(0, 2**64 - 1)))
def test_sets_of_offsets_and_numbers_hold_what_was_put_in(offsets: set[int], numbers: set[int]) -> None:
    bits, kept = Offsets(100, 150), Numbers()
    for offset in offsets:
        bits.add(offset)
    for number in numbers:
        kept.add(number)

    assert {offset for offset in range(90, 150) if offset in bits} == {one for one in offsets if one < 150}
    assert all(number in kept for number in numbers)
    assert (12345 in kept) == (12345 in numbers)


def test_clean_repeated_and_refused_readings_add_up_to_those_in_the_log() -> None:
    book = Book()
    for offset, (seq, became) in enumerate([(1, "clean"), (2, "range"), (1, "nothing"), (3, "clean"), (4, "pending")]):
        take(book, offset, reading(seq), became)
    book.settle(Book())
    (account,) = book.accounts.values()

    assert (account.sent, account.raw, account.missing) == (4, 5, 0)
    assert (account.clean, account.duplicate, account.refused["range"], account.pending) == (2, 1, 1, 1)
    assert book.explained


def test_a_reading_that_came_to_nothing_and_repeats_nothing_is_not_explained() -> None:
    book = Book()
    for offset, (seq, became) in enumerate([(1, "clean"), (2, "nothing"), (3, "clean")]):
        take(book, offset, reading(seq), became)
    book.settle(Book())

    assert book.accounts["acme/north/pump", "temperature"].unexplained == [(0, 1)]
    assert not book.explained
    assert as_json(book)["series"][0]["unexplained"] == ["telemetry.raw/0/1"]


def test_of_a_reading_and_its_repeat_that_both_came_to_nothing_one_is_not_explained() -> None:
    book = Book()
    for offset in range(2):
        take(book, offset, reading(1), "nothing")
    book.settle(Book())
    (account,) = book.accounts.values()

    assert (account.duplicate, len(account.unexplained)) == (1, 1)


def test_holes_in_the_numbers_of_each_run_are_missing() -> None:
    book = Book()
    for offset, (boot, seq) in enumerate([("b1", 1), ("b1", 4), ("b2", 2), ("b1", 3)]):
        take(book, offset, reading(seq, boot))
    (account,) = book.accounts.values()

    assert (account.sent, account.raw, account.missing) == (6, 4, 2)
    assert account.holes == {"b1": [(2, 2)], "b2": [(1, 1)]}
    assert not book.explained


def test_of_a_log_without_its_beginning_only_the_oldest_run_may_begin_anywhere() -> None:
    book = Book(partial=True)
    for offset, (boot, seq) in enumerate([("b1", 500), ("b1", 501), ("b2", 2)]):
        take(book, offset, reading(seq, boot))
    (account,) = book.accounts.values()

    assert account.holes == {"b2": [(1, 1)]}
    assert account.sent == 4


def test_what_has_expired_from_the_raw_topic_is_known_by_its_clean_reading() -> None:
    book = Book(partial=True)
    for seq in (7, 8, 8):
        book.expired(reading(seq))
    take(book, 100, reading(8), "nothing")
    take(book, 101, reading(9))
    book.settle(Book())
    (account,) = book.accounts.values()

    assert (account.expired, account.duplicate, account.clean, account.missing) == (2, 1, 1, 0)
    assert book.explained


def test_what_is_doubtful_is_settled_by_what_stood_before() -> None:
    book, before = Book(partial=True), Book()
    take(book, 100, reading(5), "nothing")
    take(book, 101, reading(6), "nothing")
    before.account(reading(5)).know(reading(5))
    book.settle(before)
    (account,) = book.accounts.values()

    assert (account.duplicate, account.unexplained) == (1, [(0, 101)])


def test_numbers_that_came_before_are_not_missing() -> None:
    book, before = Book(partial=True), Book()
    for offset, seq in enumerate((9, 4, 10)):
        take(book, 100 + offset, reading(seq))
    for seq in (1, 2, 3, 5, 6, 8):
        before.account(reading(seq)).know(reading(seq))
    assert book.is_open
    book.settle(before)
    (account,) = book.accounts.values()

    assert account.holes == {"b1": [(7, 7)]}
    assert (account.sent, account.raw, account.missing) == (4, 3, 1)


def test_readings_without_numbers_are_told_apart_by_their_times() -> None:
    book = Book()
    for offset, (time, became) in enumerate([(1, "clean"), (2, "clean"), (1, "nothing"), (3, "nothing")]):
        take(book, offset, reading(0, None, time), became)
    book.settle(Book())
    (account,) = book.accounts.values()

    assert (account.sent, account.unnumbered, account.duplicate) == (0, 4, 1)
    assert account.unexplained == [(0, 3)]


def test_only_so_many_times_are_remembered() -> None:
    book = Book()
    for offset in range(3 * TIMES_KEPT):
        take(book, offset, reading(0, None, offset))

    assert len(book.accounts["acme/north/pump", "temperature"]._times) == TIMES_KEPT


def test_unreadable_records_must_be_in_the_dlq() -> None:
    book = Book()
    book.take_unnamed((0, 1), refused="malformed", pending=False)
    assert book.explained
    book.take_unnamed((0, 2), refused=None, pending=True)
    assert book.explained
    book.take_unnamed((0, 3), refused=None, pending=False)
    assert not book.explained


def test_a_moment_is_a_time_or_a_length_before_now() -> None:
    now = datetime(2025, 1, 10, 12, tzinfo=UTC)

    assert moment_of("2025-01-10T11:00:00Z", now) == moment_of("1h", now) == 1_736_506_800_000
    with pytest.raises(ConfigurationError, match="no length"):
        moment_of("yesterday", now)


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 9))), st.integers(1, 60))
def test_whole_ranges_are_put_in_as_their_numbers_one_by_one(ranges: list[tuple[int, int]], start: int) -> None:
    one_by_one, whole = Ranges(), Ranges.of((first, first + length) for first, length in ranges)
    for first, length in ranges:
        for number in range(first, first + length + 1):
            one_by_one.add(number)

    assert list(whole) == list(one_by_one)
    assert list(whole | one_by_one) == list(whole)
    assert whole.count(start) == sum(number in whole for number in range(start, 80))


def overflow(
    *seq: tuple[int, int], boot: str | None = "b1", name: str = "1", count: int | None = None
) -> BufferOverflow:
    part = DroppedReadings(
        parameter="temperature",
        count=sum(last - first + 1 for first, last in seq) if count is None else count,
        boot=boot,
        seq=list(seq),
    )
    return BufferOverflow(
        asset_id="pump", id=name, time="2025-01-10T12:00:00Z", readings=part.count, tenant_id="acme", site_id="north",
        dropped=[part],
    )  # fmt: skip


def test_what_a_gateway_gave_up_is_not_missing() -> None:
    book = Book()
    for offset, seq in enumerate((1, 2, 6, 7)):
        take(book, offset, reading(seq))
    book.take_overflow(overflow((3, 4)))
    book.take_overflow(overflow((3, 4)))
    book.take_overflow(overflow((8, 9), (6, 6), name="2"))
    book.take_overflow(overflow((1, 2), boot="b2", name="3"))
    book.take_overflow(overflow(boot=None, name="4", count=5))
    book.settle(Book())
    (account,) = book.accounts.values()

    assert (account.sent, account.raw, account.overflow) == (11, 4, 4 + 2 + 5)
    assert account.holes == {"b1": [(5, 5)]}
    assert (account.missing, book.explained) == (1, False)
    book.take_overflow(overflow((5, 5), name="5"))
    assert book.explained
    assert as_json(book)["series"][0]["overflow"] == 12


def test_of_a_log_without_its_beginning_only_what_is_told_counts_as_given_up() -> None:
    book = Book(partial=True)
    take(book, 0, reading(500))
    book.take_overflow(overflow((490, 495), (502, 503)))
    book.take_overflow(overflow((10, 19), (30, 39), boot="b0", name="2"))
    (account,) = book.accounts.values()

    assert account.holes == {"b1": [(501, 501)]}
    assert (account.sent, account.overflow) == (4 + 20, 2 + 20)


def test_ranges_that_nobody_can_have_sent_do_no_harm() -> None:
    book = Book()
    take(book, 0, reading(1))
    book.take_overflow(overflow((5, 2), (0, 7), (-3, -1), (2, 2**63), count=0))

    assert book.explained
