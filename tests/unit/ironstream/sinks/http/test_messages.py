import json
from io import BytesIO
from pathlib import Path

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.schemas import CLEAN, Schemas, frame
from ironstream.sinks.http.messages import Message, batches, prepare
from tests.support.engine import chunk, record, tick

TOPIC = "telemetry.clean"
NO_SCHEMAS = Schemas()


def headers(name: str) -> list[tuple[str, bytes]]:
    return [("ironstream-id", name.encode())]


def test_a_message_is_the_record_as_it_was_written_with_id_and_place_around_it() -> None:
    value = '{"value": 1.50, "big": 123456789012345678901234567890, "unit": "µm"}'.encode()
    made = prepare(chunk(TOPIC, [tick(7, 0), record(8, b"k", value, 0, headers("telemetry.raw/1/2"))], 3), NO_SCHEMAS)
    (message,) = made.rows
    assert message.id == "telemetry.raw/1/2"
    assert message.text == (
        b'{"id":"telemetry.raw/1/2","topic":"telemetry.clean","partition":3,"offset":8,"data":' + value + b"}"
    )
    assert made.places.tolist() == [1]


def test_a_record_without_an_id_gets_its_place_for_one() -> None:
    made = prepare(chunk(TOPIC, [record(8, b"k", b"{}", 0)], 3), NO_SCHEMAS)
    assert made.rows[0].id == "telemetry.clean/3/8"


def test_a_record_of_several_lines_becomes_one_line_of_the_same_meaning() -> None:
    value = b'{\r\n  "a": 123456789012345678901234567890,\n  "b": "x\\ny"\n}'
    (message,) = prepare(chunk(TOPIC, [record(0, b"k", value, 0)]), NO_SCHEMAS).rows
    assert b"\n" not in message.text
    assert json.loads(message.text)["data"] == json.loads(value)


def test_framed_avro_becomes_json(tmp_path: Path) -> None:
    (tmp_path / "2.avsc").write_text(json.dumps(CLEAN))
    stream = BytesIO()
    fields = {"asset_id": "pump-1", "parameter": "flow", "value": 1.5}
    schema = {
        "type": "record",
        "name": "r",
        "fields": [{"name": n, "type": "string"} for n in ("asset_id", "parameter")],
    }
    schema["fields"].append({"name": "value", "type": "double"})  # type: ignore[attr-defined]  # a list
    (tmp_path / "9.avsc").write_text(json.dumps(schema))
    fastavro.schemaless_writer(stream, fastavro.parse_schema(schema), fields)
    records = [record(0, b"k", frame(9) + stream.getvalue(), 0), record(1, b"k", frame(10) + b"x", 0)]
    made = prepare(chunk(TOPIC, records), Schemas(tmp_path))
    assert json.loads(made.rows[0].text)["data"] == fields
    assert [(one.place, one.reason) for one in made.refusals] == [(1, "malformed")]


@pytest.mark.parametrize(
    "value", [None, b"", b"[]", b"1", b"{", b'{"a":NaN}', b'{"a":"\xff"}', b"[" * 100_000, b"\0", b"{}{}"]
)
def test_a_record_that_is_no_json_object_is_refused_and_the_others_go_on(value: bytes | None) -> None:
    made = prepare(chunk(TOPIC, [record(0, b"k", value, 0), record(1, b"k", b"{}", 0)]), NO_SCHEMAS)
    assert [one.place for one in made.refusals] == [0]
    assert made.places.tolist() == [1]


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=5))
def test_whatever_bytes_come_each_record_is_a_json_line_or_a_refusal(values: list[bytes]) -> None:
    made = prepare(chunk(TOPIC, [record(at, b"k", value, 0) for at, value in enumerate(values)]), NO_SCHEMAS)
    assert sorted([*made.places.tolist(), *(one.place for one in made.refusals)]) == list(range(len(values)))
    for message in made.rows:
        assert b"\n" not in message.text
        assert isinstance(json.loads(message.text)["data"], dict)


@given(st.lists(st.integers(0, 20), max_size=30), st.integers(1, 7), st.integers(1, 40))
def test_batches_hold_all_in_order_and_keep_to_their_limits(sizes: list[int], count: int, nbytes: int) -> None:
    messages = [Message(str(at), b"x" * size) for at, size in enumerate(sizes)]
    made = list(batches(messages, count, nbytes))
    assert [message for batch in made for message in batch] == messages
    for batch in made:
        assert 1 <= len(batch) <= count
        assert len(batch) == 1 or sum(len(message.text) for message in batch) <= nbytes
