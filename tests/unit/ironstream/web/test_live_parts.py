"""Small parts of what is live: the log's clock, contact, subscriptions, records."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from ironstream.contract import SeriesId
from ironstream.errors import DecodeError
from ironstream.schemas import Schemas, clean
from ironstream.web.contact import Contact
from ironstream.web.csv_text import csv_response
from ironstream.web.cursors import read_cursor, write_cursor
from ironstream.web.log_time import LogTime
from ironstream.web.problems import ApiError
from ironstream.web.subscriptions import MOST_WAITING, Subscription, Subscriptions
from ironstream.web.telemetry_records import reading_of, transition_of, window_of
from tests.support.avro import CLEAN_ID, avro, schema_folder

ONE = SeriesId("a", "b", "c", "d")


def test_the_clock_of_the_log_is_that_of_the_least_delayed_heartbeat() -> None:
    wall = [1000.0]
    time = LogTime(lambda: wall[0])
    assert time.now_ms() == 1_000_000
    time.heard(1_007_000)
    wall[0] = 1010.0
    time.heard(1_012_000)
    assert time.now_ms() == 1_017_000


def test_contact_says_for_how_long_nothing_was_heard() -> None:
    now = [5.0]
    contact = Contact(lambda: now[0])
    assert (contact.silent_s, contact.error) == (None, "not connected yet")
    contact.heard()
    now[0] = 9.0
    contact.lost(TimeoutError())
    assert (contact.silent_s, contact.error) == (4.0, "TimeoutError")


async def test_a_client_that_does_not_keep_up_loses_the_oldest_events_and_is_told() -> None:
    subscription = Subscription([ONE], None)
    for number in range(MOST_WAITING + 3):
        subscription.put("reading", number)
    taken = await subscription.take(0)
    assert (len(taken), taken[0], subscription.lost) == (MOST_WAITING, ("reading", 3), 3)
    assert await subscription.take(0.01) == []
    waiting = asyncio.create_task(subscription.take(30))
    await asyncio.sleep(0)
    subscription.put("alarm", 1)
    assert await waiting == [("alarm", 1)]


def test_partitions_are_wanted_as_long_as_anybody_looks_at_them() -> None:
    all_ = Subscriptions()
    first, second = Subscription([ONE], None), Subscription([ONE, SeriesId("a", "b", "c", "e")], None)
    all_.add(first)
    all_.add(second)
    assert all_.version == 1
    assert all_.of_series[b"a/b/c"][ONE] == {first, second}
    all_.remove(second)
    assert set(all_.of_series[b"a/b/c"]) == {ONE}
    all_.remove(first)
    assert (all_.of_series, all_.all, all_.version) == ({}, set(), 2)


def test_a_cursor_leads_back_to_its_place_and_another_lists_cursor_is_refused() -> None:
    cursor = write_cursor(("a", 1))
    assert read_cursor(cursor, tuple[str, int]) == ("a", 1)
    for wrong in ("", "ä", "!!!", write_cursor("a"), cursor[:-2]):
        with pytest.raises(ApiError, match="none of this list"):
            read_cursor(wrong, tuple[str, int])


@pytest.mark.parametrize("value", [None, b"", b"{}", b"\x00\x00\x00\x00\x01x", b"[1]", b"\xff"])
def test_what_is_no_record_is_told_and_nothing_else_is_raised(value: bytes | None) -> None:
    for decode in (lambda one: reading_of(one, Schemas()), window_of, transition_of):
        with pytest.raises(DecodeError):
            decode(value)


def test_a_reading_without_a_time_of_the_device_has_that_of_its_gateway() -> None:
    body = {
        "asset_id": "c", "parameter": "d", "tenant_id": "a", "site_id": "b", "value": None, "quality": "BAD",
        "quality_reasons": ["comm_loss"], "timestamps": {"gateway_time": "2026-01-31T18:00:00.5Z"},
    }  # fmt: skip
    shown = reading_of(msgspec.json.encode(body), Schemas())
    assert (shown.series, shown.time, shown.value, shown.reasons) == (
        ONE, "2026-01-31T18:00:00.500Z", None, ("comm_loss",),
    )  # fmt: skip


def test_a_spreadsheet_runs_nothing_that_a_device_has_named() -> None:
    text = bytes(csv_response("x.csv", ("a", "b"), [('=HYPERLINK("x")', -1.5)], None).body).decode()
    assert text.splitlines() == ["a,b", '"\'=HYPERLINK(""x"")",-1.5']


def test_a_reading_is_the_same_on_either_wire(tmp_path: Path) -> None:
    schemas = Schemas(schema_folder(tmp_path))
    body = {
        "schema_version": 1, "tenant_id": "a", "site_id": "b", "asset_id": "c", "parameter": "d", "value": 2.5,
        "unit": "bar", "quality": "SUSPECT", "quality_reasons": ["stuck"], "classification": "TELEMETRY",
        "clock_skew_ms": 0, "topology_version": 3,
        "timestamps": {"device_time": "2026-01-31T18:00:00.500Z", "kafka_time": "2026-01-31T18:00:01.250Z"},
    }  # fmt: skip
    schema = json.loads((Path(clean.__file__).parent / "clean_reading.avsc").read_text())
    framed = avro(schema, CLEAN_ID, clean.to_record(body, {}))
    assert reading_of(framed, schemas) == reading_of(json.dumps(body).encode(), schemas)
