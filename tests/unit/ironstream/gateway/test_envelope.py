from __future__ import annotations

import pytest

from ironstream.contract import Quality
from ironstream.gateway.adapter import Point, Sample
from ironstream.gateway.envelope import Envelope, iso
from ironstream.gateway.pipeline import PipelineSpec

PIPELINE = PipelineSpec(id="p", adapter="modbus-tcp", asset_id="pump-1", config={}, tenant_id="acme", site_id="north")
NOW_US = 1_736_510_463_123_456


def envelope() -> Envelope:
    return Envelope(PIPELINE, adapter_version="1.2.3", hostname="gw", boot="b1")


def test_times_keep_their_microseconds_and_say_utc() -> None:
    assert iso(NOW_US) == "2025-01-10T12:01:03.123456Z"
    assert iso(1_736_510_463_000_000) == "2025-01-10T12:01:03.000000Z"


def test_a_reading_says_what_it_is_when_it_was_and_where_it_came_from() -> None:
    reading = envelope().reading(Sample(Point("pressure", unit="bar"), 1.5, NOW_US, NOW_US - 8_000_000))
    assert (reading.tenant_id, reading.site_id, reading.asset_id, reading.parameter) == (
        "acme",
        "north",
        "pump-1",
        "pressure",
    )
    assert (reading.value, reading.unit, reading.quality, reading.classification) == (1.5, "bar", "GOOD", "TELEMETRY")
    assert reading.schema_version == 1
    assert reading.timestamps.device_time == "2025-01-10T12:00:55.123456Z"
    assert reading.timestamps.gateway_time == "2025-01-10T12:01:03.123456Z"
    assert reading.metadata is not None
    assert (reading.metadata.boot, reading.metadata.seq, reading.metadata.adapter_id) == ("b1", 1, "p")


def test_each_series_counts_for_itself() -> None:
    made = envelope()
    seqs = []
    for name in ("a", "b", "a", "a", "b"):
        metadata = made.reading(Sample(Point(name), 1, NOW_US)).metadata
        assert metadata is not None
        seqs.append((name, metadata.seq))
    assert seqs == [("a", 1), ("b", 1), ("a", 2), ("a", 3), ("b", 2)]


def test_a_point_may_have_an_asset_of_its_own() -> None:
    made = envelope()
    reading = made.reading(Sample(Point("t", asset_id="pump-9"), 1, NOW_US))
    assert reading.asset_id == "pump-9"
    assert made.key(Point("t", asset_id="pump-9")) == b"acme/north/pump-9"
    assert made.key(Point("t")) == b"acme/north/pump-1"


def test_a_state_is_an_event_when_it_changes_and_not_while_it_is_unknown() -> None:
    made = envelope()
    point = Point("running", event=True)
    events = [
        made.event(Sample(point, value, NOW_US, None, quality))
        for value, quality in [
            (True, Quality.GOOD),
            (True, Quality.GOOD),
            (None, Quality.BAD),
            (True, Quality.GOOD),
            (False, Quality.GOOD),
        ]
    ]
    assert [event and (event.from_, event.to) for event in events] == [(None, True), None, None, None, (True, False)]


def test_text_is_not_a_reading() -> None:
    with pytest.raises(TypeError, match="text is an event"):
        envelope().reading(Sample(Point("firmware"), "1.0", NOW_US))
