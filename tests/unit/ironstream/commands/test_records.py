"""Records as people read them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ironstream.commands.records import summary
from ironstream.contract import Topic
from ironstream.record_text import as_json, text_of, value_of
from tests.support.engine import MemoryRecord


class Fetched(MemoryRecord):
    topic = "any"
    partition = 3


def test_a_reading_is_shown_with_unit_quality_and_reasons() -> None:
    value = b'{"parameter":"temperature","value":87.25,"unit":"degC","quality":"SUSPECT","quality_reasons":["stuck"]}'

    line = summary(Topic.TELEMETRY_CLEAN, Fetched(1, 1000, b"acme/north/pump-1", value))

    assert line == "00:00:01.000  acme/north/pump-1  temperature 87.25 degC  SUSPECT stuck"


def test_a_dead_letter_is_shown_with_its_reason() -> None:
    headers = [("dlq-reason", b"malformed"), ("dlq-detail", b"value: not JSON")]

    line = summary(Topic.DLQ_TELEMETRY, Fetched(1, 1000, None, b"{oops", headers))

    assert "malformed: value: not JSON" in line
    assert "{oops" in line


def test_bytes_that_are_no_text_are_shown_as_hex() -> None:
    assert text_of(b"\xff\x00") == "hex:ff 00"


def test_control_characters_cannot_disturb_a_terminal() -> None:
    assert text_of(b"a\x1b[2Jb") == r"a\x1b[2Jb"


@given(st.binary(), st.binary() | st.none())
def test_any_record_can_be_shown(value: bytes, key: bytes | None) -> None:
    record = Fetched(1, 1000, key, value)

    for topic in (Topic.TELEMETRY_CLEAN, Topic.ALARMS_CLEAN, Topic.EVENTS_CLEAN, Topic.DLQ_TELEMETRY):
        assert "\x1b" not in summary(topic, record)
        assert as_json(topic, record)["value"] == value_of(value)
