from __future__ import annotations

import json
from typing import Any, cast

from ironstream.engine.outbox import Outbox, OutputRow
from ironstream.whatif.outputs import ShadowOutputs
from ironstream.whatif.pairs import BEFORE
from ironstream.whatif.tally import Tally
from tests.support.engine import chunk, record


class _Lanes:
    """An outbox that keeps what is queued, by topic and partition."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, int], list[OutputRow]] = {}

    def lane(self, topic: str, partition: int) -> Any:
        class Lane:
            extend = self.rows.setdefault((topic, partition), []).extend

        return Lane


def _condition(offset: int, topic: str = "telemetry.raw") -> bytes:
    return json.dumps({"evidence": {"topic": topic, "partition": 2, "offset": offset}}).encode()


def test_a_condition_goes_on_with_the_time_of_its_cause_in_the_order_of_causes() -> None:
    lanes = _Lanes()
    out = ShadowOutputs(Tally(), BEFORE, cast(Outbox, lanes), "shadow.", 2)
    records = [record(offset, b"k", b"v", 1_000 + offset) for offset in (5, 6, 9)]

    out.begin(chunk("telemetry.raw", records, 2))
    for offset, topic in ((9, "telemetry.raw"), (5, "telemetry.raw"), (7, "telemetry.raw"), (6, "events.raw")):
        out.send("alarms.raw", b"k", _condition(offset, topic), 2_000)
    assert lanes.rows == {}
    out.end()

    # what has no cause in the chunk has the time that the agent gave it
    handed_on = [(time, json.loads(value or b"")) for time, _, value, _ in lanes.rows["shadow.alarms.raw", 2]]
    assert [(time, said["evidence"]["offset"]) for time, said in handed_on] == [
        (1_005, 5), (1_009, 9), (2_000, 7), (2_000, 6),
    ]  # fmt: skip


def test_a_status_goes_on_as_it_is_whatever_it_says() -> None:
    lanes = _Lanes()
    out = ShadowOutputs(Tally(), BEFORE, cast(Outbox, lanes), "shadow.", 0)

    out.begin(chunk("telemetry.raw", [record(0, b"k", b"v", 7)], 0))
    out.send("events.raw", b"k", b'{"evidence": "none"}', 7)
    out.end()

    assert lanes.rows["shadow.events.raw", 0] == [(7, b"k", b'{"evidence": "none"}', ())]
