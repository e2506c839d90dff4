"""No record stops or colours another: what cannot be read goes to the DLQ with its origin, the rest comes clean."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.telemetry import Log, message, run, topology_of

topology = topology_of("version: 1\nsites: [{id: default}]\n")
GOOD_TEXT = json.dumps(message(0, 1.5))
Hostile = Callable[[random.Random], bytes]


def with_value(text: str) -> bytes:
    return GOOD_TEXT.replace('"value": 1.5', text).encode()


def without(field: str) -> bytes:
    body = message(0, 1.5)
    del body[field]
    return json.dumps(body).encode()


def truncated(rng: random.Random) -> bytes:
    return GOOD_TEXT.encode()[: rng.randrange(len(GOOD_TEXT) - 1)]


def noise(rng: random.Random) -> bytes:
    return b"\xff" + rng.randbytes(rng.randrange(200))


def mistyped(rng: random.Random) -> bytes:
    texts = ["asset_id", "parameter", "unit", "quality"]
    field = rng.choice([*texts, "value", "timestamps", "metadata", "schema_version"])
    wrong: list[Any] = [[], {}, "12", [[1]], {"a": 1}] if field != "schema_version" else ["1", 2, -1, 10**30, [], 1.5]
    if field in texts:
        wrong = [5, True, [], {"a": []}, 1e300]
    if field == "timestamps":
        wrong = [5, [], "now", {}, {"device_time": []}, {"device_time": "yesterday"},
                 {"device_time": "2025-01-10T12:00:00"},
                 {"device_time": 10**30}, {"device_time": None}, {"device_time": -5}]  # fmt: skip
    if field == "metadata":
        wrong = [5, [], "x", {"seq": "1"}, {"seq": 1.5}, {"boot": 7}]
    return json.dumps(message(0, 1.5) | {field: rng.choice(wrong)}).encode()


def misnamed(rng: random.Random) -> bytes:
    name = rng.choice(["", "a/b", "a b", "-a", "x" * 129, "ä", "a\n", "\x00", "../..", "a\u0000b", "💥"])
    return json.dumps(message(0, 1.5) | {rng.choice(["asset_id", "parameter"]): name}).encode()


NO_NUMBERS = ["NaN", "Infinity", "1e999", "-1e999", "01", "1.", "+1", "0x1"]
KINDS: dict[str, list[Hostile]] = {
    "truncated": [truncated],
    "bytes": [
        noise,
        lambda rng: b"",
        lambda rng: b"\x00" + rng.randbytes(20),
        lambda rng: with_value('"value": 1.5, "note": "').replace(b'"note": "', b'"note": "\xc3\x28'),
        lambda rng: GOOD_TEXT.encode("utf-16"),
        lambda rng: b"\xef\xbb\xbf" + GOOD_TEXT.encode(),
    ],
    "not an object": [lambda rng: rng.choice([b"null", b"[]", b"1", b'"x"', b"true", b"[{}]", b"{}", b"NaN"])],
    "numbers": [
        lambda rng: with_value('"value": ' + rng.choice(NO_NUMBERS)),
        lambda rng: with_value('"value": 1' + "0" * rng.randrange(310, 5000)),
    ],
    "deep": [
        lambda rng: with_value('"value": 1.5, "x": ' + "[" * 10_000 + "]" * 10_000),
        lambda rng: with_value('"value": 1.5, "x": ' + '{"a":' * 10_000 + "1" + "}" * 10_000),
        lambda rng: b"[" * 10_000,
    ],
    "text": [
        lambda rng: with_value('"value": 1.5, "unit": "\\ud800"'),
        lambda rng: with_value('"value": 1.5, "\\udc00": 1'),
    ],
    "two in one": [
        lambda rng: f"{GOOD_TEXT}{GOOD_TEXT}".encode(),
        lambda rng: f"{GOOD_TEXT},{GOOD_TEXT}".encode(),
        lambda rng: f"{GOOD_TEXT},7,{GOOD_TEXT}".encode(),
        lambda rng: f"{GOOD_TEXT}\n{GOOD_TEXT}".encode(),
        lambda rng: f"{GOOD_TEXT}],[{GOOD_TEXT}".encode(),
    ],
    "missing": [lambda rng: without(rng.choice(["asset_id", "parameter", "value", "timestamps"]))],
    "leaning": [
        lambda rng: b'{"asset_id":"',
        lambda rng: b'","parameter":"p","value":1,"timestamps":{"device_time":"2023-11-14T22:13:20Z"}}',
        lambda rng: b"[" + GOOD_TEXT.encode(),
        lambda rng: GOOD_TEXT.encode() + b"]",
        lambda rng: b" ",
        lambda rng: b",",
        lambda rng: GOOD_TEXT.encode()[:-1] + b',"note":"',
        lambda rng: b'"}',
    ],
    "mistyped": [mistyped],
    "misnamed": [misnamed],
    "oversized": [lambda rng: b'{"asset_id":"' + b"a" * 200_000 + b'"}', lambda rng: b"{" * 100_000],
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_hostile_record_is_refused_with_its_origin_and_every_good_one_comes_clean(kind: str) -> None:
    rng = random.Random(kind)
    log, good, bad = Log(), {}, {}
    few = kind in {"deep", "oversized"}
    for seq in range(1, 60 if few else 500):
        good[log.add(seq / 1000, message(seq, seq / 8, seq))] = seq / 8
        for _ in range(rng.randrange(1, 3 if few else 4)):
            value = rng.choice(KINDS[kind])(rng)
            bad[log.add(seq / 1000, value, [("trace", b"\xff"), ("dlq-reason", b"old")])] = value
    got = run(log.records, topology)
    assert {offset: said["value"] for offset, said in got.clean.items()} == good
    assert {said["quality"] for said in got.clean.values()} == {"GOOD"}
    assert {offset: sent.value for offset, sent in got.dlq.items()} == bad
    for offset, sent in got.dlq.items():
        assert (sent.key, sent.header("trace"), got.reason(offset)) == (b"key", b"\xff", "malformed")
        assert sent.header("dlq-topic") == b"telemetry.raw"
        assert sent.header("dlq-partition") == b"0"
        assert sent.header("dlq-detail")
        assert (sent.header("dlq-time") or b"").endswith(b"Z")


def test_a_record_without_a_value_is_refused_like_any_other() -> None:
    log = Log()
    log.add(0, message(0, 1.5))
    tombstone = type(log.records[0])(1, log.records[0].timestamp, b"key", None)
    got = run([log.records[0], tombstone], topology)
    assert (list(got.clean), got.reason(1), got.dlq[1].value) == ([0], "malformed", None)


def test_ten_thousand_records_of_every_hostile_kind_leave_the_good_ones_between_them_as_they_are() -> None:
    rng = random.Random(7)
    small = [make for kind, makes in KINDS.items() for make in makes if kind not in {"deep", "oversized"}]
    log, good = Log(), {}
    for seq in range(1, 1001):
        good[log.add(seq / 1000, message(seq, seq / 8, seq))] = seq / 8
        for _ in range(10):
            log.add(seq / 1000, rng.choice(small)(rng))
    got = run(log.records, topology, cuts=range(0, len(log.records), 700))
    assert {offset: said["value"] for offset, said in got.clean.items()} == good
    assert got.dlq.keys() == set(range(len(log.records))) - good.keys()
    closed = [said["aggregates"]["count"] for (_, size, _), said in got.windows.items() if size == 1_000_000]
    assert closed
    assert set(closed) == {1}


odd_text = st.text(st.characters(codec="utf-8"), max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | odd_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd_text, inner, max_size=3),
    max_leaves=8,
)
nearly = st.fixed_dictionaries(
    {},
    optional={
        "schema_version": json_values | st.integers(0, 1), "tenant_id": json_values | st.just("t"),
        "site_id": json_values | st.just("s"), "asset_id": json_values | st.just("a"), "machine_id": json_values,
        "parameter": json_values | st.just("p"), "value": json_values, "unit": json_values | st.just("bar"),
        "quality": json_values | st.sampled_from(["GOOD", "BAD", "bad"]), "quality_reasons": json_values,
        "timestamps": json_values | st.fixed_dictionaries({}, optional={
            "device_time": json_values | st.just("2023-11-14T22:13:20Z") | st.integers(0, 2**70),
            "gateway_time": json_values | st.floats(0, 2e12), "kafka_time": json_values, "note": json_values}),
        "metadata": json_values | st.fixed_dictionaries({}, optional={
            "boot": json_values | st.just("b"), "seq": st.integers(-(2**70), 2**70) | json_values, "x": json_values}),
        "metrics": st.dictionaries(odd_text | st.just("m"), json_values, max_size=3),
        "ts": json_values | st.just(1700000000),
        "status": json_values, "x": json_values,
    },
)  # fmt: skip
records_of_any_kind = st.binary(max_size=60) | json_values.map(json.dumps).map(str.encode) | nearly.map(
    json.dumps).map(str.encode)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(records_of_any_kind, min_size=1, max_size=12))
def test_no_input_raises_and_every_record_is_accounted_for(values: list[bytes]) -> None:
    log = Log()
    for at, value in enumerate(values):
        log.add(at / 10, value)
    log.tick(10_000)
    got = run(log.records, topology)
    cut = run(log.records, topology, cuts=range(len(values) + 1))
    passed = {said for sent in got.sent if sent.topic == "events.raw" for said in [_offset_of(sent)]}
    twice = 0
    for offset in range(len(values)):
        twice += not (offset in got.clean or offset in got.dlq or offset in passed)
    assert twice <= max(len(values) - 1, 0)
    assert (got.clean, got.dlq) == (cut.clean, cut.dlq)


def _offset_of(sent: Any) -> int:
    return int(sent.header("ironstream-id").decode().split("/")[2])
