from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ironstream.contract import Topic
from ironstream.gateway.overflow import Overflow

KEY = b"acme/north/pump"


def reading(seq: int | None, parameter: str = "t", boot: str | None = "b1") -> bytes:
    second = 0 if seq is None else seq
    return json.dumps(
        {
            "tenant_id": "acme", "site_id": "north", "asset_id": "pump", "parameter": parameter, "value": 1,
            "timestamps": {"device_time": f"2025-01-10T12:00:00.{second:06}Z"},
            "metadata": {"boot": boot, "seq": seq},
        }
    ).encode()  # fmt: skip


def told(overflow: Overflow) -> list[dict[str, Any]]:
    records = overflow.records(KEY, record_id="r", hostname="gw", time="2025-01-10T13:00:00.000000Z")
    assert {record.key for record in records} == {KEY}
    assert [record.topic for record in records] == [Topic.DLQ_OVERFLOW] * (len(records) - 1) + [Topic.EVENTS_RAW]
    return [json.loads(record.value) for record in records]


def test_it_is_told_which_readings_of_which_parameters_and_when_they_were() -> None:
    overflow = Overflow()
    for seq in (1, 2, 3, 7, 8):
        assert overflow.add(Topic.TELEMETRY_RAW, reading(seq)) == KEY
    overflow.add(Topic.TELEMETRY_RAW, reading(1, "p", "b2"))
    overflow.add(Topic.TELEMETRY_RAW, reading(None, "q", None))
    overflow.add(Topic.EVENTS_RAW, reading(None))
    record, event = told(overflow)
    assert (record["asset_id"], record["readings"], record["events"], record["id"]) == ("pump", 7, 1, "r/0")
    by_parameter = {part["parameter"]: part for part in record["dropped"]}
    assert by_parameter["t"]["seq"] == [[1, 3], [7, 8]]
    assert (by_parameter["t"]["boot"], by_parameter["t"]["count"]) == ("b1", 5)
    assert by_parameter["t"]["from"] == "2025-01-10T12:00:00.000001Z"
    assert by_parameter["t"]["to"] == "2025-01-10T12:00:00.000008Z"
    assert (by_parameter["q"]["count"], "seq" in by_parameter["q"], "boot" in by_parameter["q"]) == (1, False, False)
    assert (event["type"], event["details"]["readings"], event["details"]["parameters"]) == ("buffer_overflow", 7, 3)


def test_a_lost_log_line_and_what_is_no_record_of_an_asset_are_not_told() -> None:
    overflow = Overflow()
    assert overflow.add(Topic.LOGS_ADAPTERS, reading(1)) is None
    assert overflow.add(Topic.TELEMETRY_RAW, b"{") is None
    assert not overflow


@given(
    st.binary(max_size=100)
    | st.dictionaries(st.text(), st.integers() | st.none()).map(lambda d: json.dumps(d).encode())
)
def test_any_bytes_are_counted_or_left_out(value: bytes) -> None:
    Overflow().add(Topic.TELEMETRY_RAW, value)


def test_a_tally_goes_on_after_a_restart() -> None:
    first, second = Overflow(), Overflow()
    for seq in (1, 2):
        first.add(Topic.TELEMETRY_RAW, reading(seq))
    second.restore(KEY, first.encoded(KEY))
    for seq in (3, 4):
        second.add(Topic.TELEMETRY_RAW, reading(seq))
    assert told(second)[0]["dropped"][0]["seq"] == [[1, 4]]
    second.forget(KEY)
    assert not second


def test_many_series_and_many_holes_are_told_in_records_that_kafka_takes() -> None:
    overflow = Overflow()
    for number in range(1, 2_500):
        overflow.add(Topic.TELEMETRY_RAW, reading(1, f"p{number}"))
        overflow.add(Topic.TELEMETRY_RAW, reading(2 * number, "holes"))
    *records, event = told(overflow)
    assert max(len(json.dumps(record)) for record in records) < 500_000
    assert len({record["id"] for record in records}) == len(records) > 4
    assert sum(record["readings"] for record in records) == event["details"]["readings"] == 2 * 2_499
    holes = [part for record in records for part in record["dropped"] if part["parameter"] == "holes"]
    assert [number for part in holes for number, _ in part["seq"]] == [2 * number for number in range(1, 2_500)]
    assert sum(part["count"] for part in holes) == 2_499
