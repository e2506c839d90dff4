import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.alarm_codec import AlarmInput, RawEvent, decode_alarm, decode_event, encode, encode_event
from ironstream.contract import Command, Condition, Evidence, ExternalAlarm, Timestamps
from ironstream.errors import DecodeError

CONDITION = Condition(
    tenant_id="acme",
    site_id="north",
    asset_id="pump-1",
    rule_id="overheat",
    number=1,
    type="overheat",
    severity="HIGH",
    state="ACTIVE",
    time="2025-01-10T12:01:03.000Z",
    message="hot",
    evidence=Evidence("telemetry.raw", 3, 17, "overheat", 2),
    value=91.5,
)
COMMAND = Command("c-1", "ack", "ann", asset_id="pump-1", alarm_id="x")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = [
    *("kind", "asset_id", "machine_id", "type", "event_type", "state", "status", "ts", "timestamps", "metadata"),
    *("parameter", "severity", "number", "rule_id", "command_id", "command", "actor", "time", "message", "evidence"),
    *("from", "to", "value", "raised_at", "cleared_at", "tenant_id", "site_id", "until", "alarm_id", "unit"),
]
likely_values = json_values | st.sampled_from(
    [
        *("alarm", "condition", "command", "a", "ACTIVE", "cleared", "2025-01-10T12:01:03Z"),
        *(1736510463, {"device_time": 5}, 10**30),
        *({"topic": "t", "partition": 0, "offset": 10**30}, {"topic": "t", "partition": 0, "offset": 1}),
    ]
)
objects = st.dictionaries(st.sampled_from(FIELDS), likely_values).map(msgspec.json.encode)


@pytest.mark.parametrize("record", [CONDITION, COMMAND, ExternalAlarm("pump-1", "fire", "ACTIVE")])
def test_what_was_encoded_decodes_to_the_same(record: AlarmInput) -> None:
    assert decode_alarm(encode(record)) == record


def test_the_alarm_message_of_003_is_an_external_alarm_with_its_own_time() -> None:
    alarm = decode_alarm(
        b'{"alarm_id":"uuid-1234","asset_id":"reactor","type":"overpressure","severity":"critical","state":"ACTIVE",'
        b'"raised_at":"2025-01-10T12:01:03Z","acked_at":null,"acked_by":null,"cleared_at":null,'
        b'"message":"too high","value":210.5,"threshold":200.0,"unit":"psi"}'
    )
    assert isinstance(alarm, ExternalAlarm)
    assert (alarm.severity, alarm.value, alarm.tenant_id) == ("CRITICAL", 210.5, "default")
    assert alarm.timestamps == Timestamps(device_time="2025-01-10T12:01:03Z")


def test_the_flat_status_payload_of_001_is_a_status_event_that_counts_only_as_a_change() -> None:
    raw = decode_event(
        b'{"tenant_id":"acme","site_id":"s","machine_id":"m-1","ts":1736510463,"status":"running",'
        b'"metrics":{"rpm":5},"schema_version":"1.0","firmware":"9"}'
    )
    assert raw.changes_only
    assert (raw.event.asset_id, raw.event.type, raw.event.to) == ("m-1", "status", "running")
    assert raw.event.timestamps == Timestamps(device_time=1736510463)
    assert raw.unknown == {"firmware": "9"}


def test_unknown_fields_of_an_event_are_kept_and_those_of_its_metadata_do_no_harm() -> None:
    raw = decode_event(b'{"asset_id":"a","type":"t","zeta":1,"alpha":[2],"metadata":{"boot":"b","color":"red"}}')
    text = encode_event(raw.event, raw.unknown)
    assert text.endswith(b'"alpha":[2],"zeta":1}')
    assert msgspec.json.decode(text)["metadata"] == {"boot": "b"}


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (None, "record"),
        (b"", "record"),
        (b"\x00\x00\x00\x00\x01abc", "record"),
        (b"[" * 100_000, "record"),
        (b'{"type":"t","state":"ACTIVE"}', "asset_id"),
        (b'{"asset_id":"a/b","type":"t","state":"ACTIVE"}', "asset_id"),
        (b'{"asset_id":"a","type":" ","state":"ACTIVE"}', "type"),
        (b'{"asset_id":"a","type":"t","state":"ACKNOWLEDGED"}', "state"),
        (b'{"asset_id":"a","type":"t","state":"ACTIVE","severity":"BIG"}', "severity"),
        (b'{"asset_id":"a","type":"t","state":"ACTIVE","timestamps":{"device_time":"noon"}}', "timestamps.device_time"),
        (b'{"asset_id":"a","type":"t","state":"ACTIVE","raised_at":[]}', "raised_at, cleared_at"),
        (b'{"asset_id":"a","type":"t","state":"ACTIVE","metadata":{"seq":"x"}}', "metadata.seq"),
        (b'{"kind":"command","command":"ack","actor":"ann"}', "command_id"),
        (b'{"kind":"party"}', "kind"),
        (b'{"kind":' + b"9" * 4000 + b"}", "kind"),
        (b'{"kind":' + b"9" * 5000 + b"}", "record"),
        (encode(CONDITION).replace(b'"number":1', b'"number":0'), "number"),
        (encode(CONDITION).replace(b'"number":1', b'"number":' + b"9" * 4000), "number"),
        (encode(CONDITION).replace(b'"offset":17', b'"offset":' + b"9" * 30), "evidence.offset"),
        (encode(CONDITION).replace(b"03.000Z", b"03"), "time"),
    ],
)
def test_the_error_names_the_field_that_is_wrong(value: bytes | None, field: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode_alarm(value)
    assert caught.value.field == field


@given(st.binary() | json_values.map(msgspec.json.encode) | objects)
def test_no_bytes_raise_anything_but_a_decode_error(value: bytes) -> None:
    for decode in (decode_alarm, decode_event):
        try:
            decoded = decode(value)
            if isinstance(decoded, RawEvent):
                encode_event(decoded.event, decoded.unknown)
            else:
                encode(decoded)
        except DecodeError:
            continue
