"""What is written when a dead letter is replayed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from ironstream.dead_letters.letter import tenants_of
from ironstream.dead_letters.replay import NotReplayableError, replay_of
from ironstream.schemas import Schemas

READING = {
    "tenant_id": "acme", "site_id": "north", "asset_id": "pump-1", "parameter": "flow", "value": 900.0,
    "timestamps": {"device_time": "2026-01-31T18:00:00Z"}, "metadata": {"boot": "b", "seq": 7, "hostname": "gw"},
}  # fmt: skip
DETAIL = b"acme/north/pump-1/flow: value 900"


@dataclass
class Letter:
    value: bytes | None
    reason: bytes = b"malformed"
    detail: bytes = b""
    key: bytes | None = b"acme/north/pump-1"
    partition: int = 3
    offset: int = 17
    own: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        added = {"reason": self.reason, "detail": self.detail, "topic": b"telemetry.raw", "partition": b"2"}
        return self.own + [(f"dlq-{name}", value) for name, value in added.items()]


def replayed(letter: Any, topic: str = "dlq.invalid_telemetry") -> Any:
    return replay_of(topic, letter, Schemas())


def test_what_was_never_looked_into_is_written_as_it_was() -> None:
    made = replayed(Letter(b"{broken", own=[("trace", b"x")]))

    assert (made.topic, made.key, made.value, made.partition) == (
        "telemetry.raw", b"acme/north/pump-1", b"{broken", None
    )  # fmt: skip
    assert made.headers == [("trace", b"x"), ("dlq-replay", b"dlq.invalid_telemetry/3/17")]


def test_one_without_a_key_goes_where_it_was() -> None:
    assert replayed(Letter(b"{", key=None)).partition == 2


def test_a_reading_that_was_known_gets_a_number_of_its_own_the_same_each_time() -> None:
    letter = Letter(json.dumps(READING).encode(), b"range", DETAIL)

    first, second = replayed(letter), replayed(letter)

    assert first == second
    said = json.loads(first.value)
    assert said["metadata"] == {"boot": "dlq-replay-3", "seq": 18, "hostname": "gw"}
    assert {name: one for name, one in said.items() if name != "metadata"} == {
        name: one for name, one in READING.items() if name != "metadata"
    }


def test_of_several_readings_in_one_record_the_refused_one_is_replayed() -> None:
    flat = {"tenant_id": "acme", "site_id": "north", "machine_id": "pump-1", "ts": 1_770_000_000,
            "metrics": {"flow": 900.0, "pressure": 4.0}}  # fmt: skip

    said = json.loads(replayed(Letter(json.dumps(flat).encode(), b"range", DETAIL)).value)

    assert (said["asset_id"], said["parameter"], said["value"]) == ("pump-1", "flow", 900.0)


@pytest.mark.parametrize("value", [b"", None, b"[1]", b"{", json.dumps(READING | {"parameter": "other"}).encode()])
def test_a_reading_that_is_not_found_in_its_record_is_not_replayed(value: bytes | None) -> None:
    with pytest.raises(NotReplayableError, match="not found"):
        replayed(Letter(value, b"range", DETAIL))


@pytest.mark.parametrize("topic", ["dlq.sinks", "dlq.buffer_overflow"])
def test_what_no_agent_reads_is_not_replayed(topic: str) -> None:
    with pytest.raises(NotReplayableError):
        replayed(Letter(b"{}"), topic)


@pytest.mark.parametrize(
    ("key", "value", "tenants"),
    [
        (b"acme/north/pump-1", b"{}", {"acme"}),
        (b"acme/north/pump-1", b"\x00framed", None),
        (b"acme/north/pump-1", b'{"tenant_id": "be', None),
        (b"acme/north/pump-1", b'[{"tenant_id": "beta"}]', None),
        (b"acme/north/pump-1", b'{"readings": [{"tenant_id": "beta"}]}', None),
        (b"acme/north/pump-1", b'{"tenant_id": "beta"}', {"acme", "beta"}),
        (b"acme/<script>/pump-1", b"{}", None),
        (b"../../etc", b"{}", None),
        (None, b'{"tenant_id": "beta"}', None),
        (b"\xff", None, None),
    ],
)
def test_a_record_is_of_the_tenants_that_its_key_and_its_value_name(
    key: bytes | None, value: bytes | None, tenants: set[str] | None
) -> None:
    assert tenants_of(Letter(value, key=key)) == tenants
