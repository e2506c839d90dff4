"""Clean data as the agents write it, from a seed: repeats as after a worker's crash, and what a store refuses."""

from __future__ import annotations

import json
import random
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from ironstream.contract import Topic
from ironstream.domain.times import to_iso

WINDOWS: Final = "telemetry.1min"
TOPICS: Final = (Topic.TELEMETRY_CLEAN, WINDOWS, Topic.EVENTS_CLEAN, Topic.ALARMS_CLEAN)
START_US: Final = 1_795_218_900_000_000
"""2026-11-20T23:55:00Z: the load goes over midnight, so that what is written together is of two days."""
_DAY_US: Final = 86_400_000_000
_MINUTE_US: Final = 60_000_000
_ASSETS: Final = 12
_STEP_US: Final = 250_000
_KEPT: Final = 40
_VALUES: Final = (0.0, -0.0, 5e-324, -1.7976931348623157e308, 0.1, 2**53 + 1)
_UNITS: Final = ("degC", "°C", None)
_STATES: Final = ("ACTIVE", "ACKNOWLEDGED", "SUPPRESSED", "CLEARED")


@dataclass(frozen=True, slots=True)
class Message:
    """One record. `id`: its ironstream-id; empty: it has none."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    id: str


class Plant:
    """Deals the records of a plant, step after step; the same seed deals the same ones.

    Of a thousand records `refused` are such that one store or another refuses them.
    """

    def __init__(self, seed: int, partitions: int, refused: float = 5.0) -> None:
        self._random = random.Random(seed)
        self._partitions = partitions
        self._refused = refused / 1000
        self._raw_offsets: defaultdict[int, int] = defaultdict(int)
        self._clock_us = dict.fromkeys(range(_ASSETS), START_US)
        self._minutes: defaultdict[int, int] = defaultdict(int)
        self._revisions: dict[tuple[int, int], int] = {}
        self._alarms: dict[int, tuple[int, int]] = {}
        self._sent: defaultdict[tuple[str, int], deque[Message]] = defaultdict(lambda: deque(maxlen=_KEPT))
        self.repeats = 0

    def step(self, readings: int) -> list[Message]:
        """About so many readings, with the windows, events and alarms that come with them."""
        made: list[Message] = []
        while len(made) < readings:
            asset = self._random.randrange(_ASSETS)
            made += self._readings(asset)
            if self._random.random() < 0.15:
                made.append(self._window(asset))
            if self._random.random() < 0.05:
                made.append(self._event(asset))
            if self._random.random() < 0.05:
                made.append(self._transition(asset))
        for message in made:
            self._sent[message.topic, message.partition].append(message)
        made += self._repeated()
        return made

    def _repeated(self) -> Iterator[Message]:
        """What a worker sends again that died before its commit: the last of a partition, in order."""
        if self._random.random() < 0.15 and self._sent:
            last = list(self._random.choice(list(self._sent.values())))
            count = self._random.randint(1, len(last))
            self.repeats += count
            yield from last[-count:]

    def _message(self, topic: str, asset: int, body: dict[str, Any], name: str) -> Message:
        rnd = self._random
        value = json.dumps(body, ensure_ascii=False).encode()
        if rnd.random() < self._refused:
            value = self._bad(body, value)
        if rnd.random() < 0.003:
            name = ""
        key = f"{body['tenant_id']}/{body['site_id']}/{body['asset_id']}".encode()
        return Message(topic, asset % self._partitions, key, value, name)

    def _bad(self, body: dict[str, Any], value: bytes) -> bytes:
        match self._random.randrange(4):
            case 0:
                return value[: len(value) // 2]
            case 1:
                body = body | {"tenant_id": "a/../b"}
            case 2:
                body = {name: value for name, value in body.items() if name != "asset_id"}
            case _ if "type" in body and "details" in body:
                # JSON that PostgreSQL alone cannot hold, which it says when the row is written
                body = body | {"details": {"text": "a\0b"}}
            case _:
                body = body | {"unit": "deg\0C"}
        return json.dumps(body).encode()

    @staticmethod
    def _identity(asset: int) -> dict[str, Any]:
        tenant = "acme" if asset % 3 else "zeta"
        return {"schema_version": 1, "tenant_id": tenant, "site_id": "north", "asset_id": f"pump-{asset}"}

    def _readings(self, asset: int) -> Iterator[Message]:
        """Those that one raw record leads to."""
        rnd, partition = self._random, asset % self._partitions
        self._clock_us[asset] += _STEP_US * rnd.randint(1, 4)
        raw = self._raw_offsets[partition]
        self._raw_offsets[partition] += rnd.randint(1, 3)
        time_us = self._clock_us[asset] - (rnd.randint(1, 3) * _DAY_US if rnd.random() < 0.01 else 0)
        parameters = ("temperature", "speed")[: 1 + (rnd.random() < 0.2)]
        for parameter in parameters:
            body = self._identity(asset) | {
                "parameter": parameter,
                "value": rnd.choice(_VALUES) if rnd.random() < 0.02 else rnd.gauss(20, 5),
                "unit": rnd.choice(_UNITS) if rnd.random() < 0.05 else "degC",
                "quality": "GOOD",
                "timestamps": {"device_time": to_iso(time_us), "gateway_time": to_iso(time_us + 7_001)},
                "metadata": {"pipeline_id": "p", "adapter_id": "a", "boot": "b1", "seq": raw + 1},
                "quality_reasons": [],
                "clock_skew_ms": 7,
                "topology_version": 1,
            }
            if rnd.random() < 0.05:
                body |= {"quality": "SUSPECT", "quality_reasons": ["stuck", "rate_of_change"]}
            elif rnd.random() < 0.01:
                body |= {"quality": "BAD", "value": None, "quality_reasons": ["not_a_number"]}
            if rnd.random() < 0.001:
                body["colour"] = "grün"
            part = f"/{parameter}" if len(parameters) > 1 else ""
            yield self._message(Topic.TELEMETRY_CLEAN, asset, body, f"telemetry.raw/{partition}/{raw}{part}")

    def _window(self, asset: int) -> Message:
        rnd = self._random
        if rnd.random() < 0.6 or not self._minutes[asset]:
            self._minutes[asset] += 1
        # late data restate one of the last windows
        minute = max(1, self._minutes[asset] - rnd.randrange(3))
        revision = self._revisions.get((asset, minute), -1) + 1
        self._revisions[asset, minute] = revision
        begin_us = START_US + minute * _MINUTE_US
        names = ("avg", "min", "max", "stddev", "p50", "p95", "p99", "first", "last", "time_weighted_avg")
        body = self._identity(asset) | {
            "parameter": "temperature", "unit": "degC", "window_start": to_iso(begin_us),
            "window_end": to_iso(begin_us + _MINUTE_US), "size_s": 60, "revision": revision, "final": False,
            "aggregates": {name: rnd.gauss(20, 5) for name in names} | {"count": rnd.randint(1, 60)},
            "percentile_method": "exact",
            "quality_summary": {
                "good": 50, "suspect": revision, "uncertain": 0, "bad": 1,
                "pct_good": 98.0,
            },
            "topology_version": 1,
        }  # fmt: skip
        name = f"{body['tenant_id']}/north/pump-{asset}/temperature/60/{begin_us}/{revision}"
        return self._message(WINDOWS, asset, body, name)

    def _event(self, asset: int) -> Message:
        rnd = self._random
        self._clock_us[asset] += 1
        time_us = self._clock_us[asset]
        body = self._identity(asset) | {
            "type": "state", "from": rnd.choice(["idle", 3, None]), "to": {"mode": "run", "rpm": rnd.random()},
            "timestamps": {"device_time": to_iso(time_us)}, "details": {"why": rnd.choice(["läuft", "\n", ""])},
        }  # fmt: skip
        return self._message(
            Topic.EVENTS_CLEAN, asset, body, f"state/{body['tenant_id']}/north/pump-{asset}/{to_iso(time_us)}"
        )

    def _transition(self, asset: int) -> Message:
        occurrence, number = self._alarms.get(asset, (0, 0))
        number += 1
        state = _STATES[0] if number == 1 else self._random.choice(_STATES[1:])
        self._alarms[asset] = (occurrence + 1, 0) if state == "CLEARED" else (occurrence, number)
        who = self._identity(asset)
        name = f"{who['tenant_id']}/north/pump-{asset}/hot/{occurrence}"
        time = to_iso(self._clock_us[asset])
        body = who | {
            "alarm_id": f"{who['tenant_id']}/north/pump-{asset}/hot", "occurrence_id": name, "transition": number,
            "parameter": "temperature", "type": "hot", "severity": "HIGH", "state": state,
            "previous_state": None if number == 1 else "ACTIVE", "raised_at": to_iso(START_US), "acked_at": None,
            "acked_by": None, "cleared_at": time if state == "CLEARED" else None, "time": time,
            "message": f"too hot, {number}", "value": self._random.choice([91.5, "open", True, None]),
            "threshold": 90.0, "unit": "degC", "actor": None, "comment": None, "reason": None, "until": None,
            "count": number, "evidence": {"topic": "telemetry.raw", "partition": 0, "offset": number, "rule_id": "hot"},
        }  # fmt: skip
        return self._message(Topic.ALARMS_CLEAN, asset, body, f"{name}/{number}")
