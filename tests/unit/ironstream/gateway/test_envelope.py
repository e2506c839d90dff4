from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.contract import Event, Quality, Reading
from ironstream.gateway.adapter import Point, Sample
from ironstream.gateway.envelope import Envelope, iso
from ironstream.gateway.pipeline import PipelineSpec

PIPELINE = PipelineSpec(id="p", adapter="modbus-tcp", asset_id="pump-1", config={}, tenant_id="acme", site_id="north")
NOW_US = 1_736_510_463_123_456


def envelope() -> Envelope:
    return Envelope(PIPELINE, adapter_version="1.2.3", hostname="gw", boot="b1")


def read(made: Envelope, sample: Sample) -> Reading:
    return msgspec.json.decode(made.reading(sample)[1], type=Reading)


def decoded(event: bytes | None) -> Event | None:
    return None if event is None else msgspec.json.decode(event, type=Event)


def test_times_keep_their_microseconds_and_say_utc() -> None:
    assert iso(NOW_US) == "2025-01-10T12:01:03.123456Z"
    assert iso(1_736_510_463_000_000) == "2025-01-10T12:01:03.000000Z"


def test_a_reading_says_what_it_is_when_it_was_and_where_it_came_from() -> None:
    reading = read(envelope(), Sample(Point("pressure", unit="bar"), 1.5, NOW_US, NOW_US - 8_000_000))
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
        metadata = read(made, Sample(Point(name), 1, NOW_US)).metadata
        assert metadata is not None
        seqs.append((name, metadata.seq))
    assert seqs == [("a", 1), ("b", 1), ("a", 2), ("a", 3), ("b", 2)]


def test_a_point_may_have_an_asset_of_its_own() -> None:
    made = envelope()
    reading = read(made, Sample(Point("t", asset_id="pump-9"), 1, NOW_US))
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
    assert [event and (event.from_, event.to) for event in map(decoded, events)] == [
        (None, True),
        None,
        None,
        None,
        (True, False),
    ]


def test_text_is_not_a_reading() -> None:
    with pytest.raises(TypeError, match="text is an event"):
        envelope().reading(Sample(Point("firmware"), "1.0", NOW_US))


names = st.text(min_size=1, max_size=20)
times = st.integers(0, 4_000_000_000_000_000)


@given(
    pipeline=names,
    unit=st.none() | names,
    value=st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False),
    quality=st.sampled_from(Quality),
    reason=st.none() | names,
    gateway_us=times,
    device_us=st.none() | times,
    historical=st.booleans(),
    numbered=st.booleans(),
)
def test_every_sample_becomes_a_reading_of_the_contract_that_says_the_same(
    pipeline: str,
    unit: str | None,
    value: bool | int | float | None,
    quality: Quality,
    reason: str | None,
    gateway_us: int,
    device_us: int | None,
    historical: bool,
    numbered: bool,
) -> None:
    spec = PipelineSpec(id=pipeline, adapter="x", asset_id="a", config={})
    made = Envelope(spec, adapter_version=pipeline, hostname=pipeline, boot="b")
    sample = Sample(Point("p", unit), value, gateway_us, device_us, quality, reason, historical, numbered)
    for seq in (1, 2):
        key, record = made.reading(sample)
        # strict: unknown and doubled fields would be an error
        reading = msgspec.json.decode(record, type=Reading)
        assert key == b"default/default/a"
        assert (reading.value, type(reading.value)) == (value, type(value))
        assert (reading.unit, reading.quality) == (unit, quality.name)
        assert reading.quality_reasons == ([reason] if reason else [])
        assert reading.timestamps.gateway_time == iso(gateway_us)
        assert reading.timestamps.device_time == (None if device_us is None else iso(device_us))
        metadata = reading.metadata
        assert metadata is not None
        assert (metadata.pipeline_id, metadata.hostname, metadata.historical) == (pipeline, pipeline, historical)
        assert (metadata.boot, metadata.seq) == (("b", seq) if numbered else (None, None))
