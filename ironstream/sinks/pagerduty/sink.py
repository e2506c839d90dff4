"""The sink: the calls of a cut, one request each, as the Events API v2 wants them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import msgspec
import numpy as np

from ironstream.contract import AlarmState, Severity
from ironstream.engine.api import Chunk, Record
from ironstream.errors import DecodeError
from ironstream.sinks.columns.alarms import decode_transition
from ironstream.sinks.columns.common import MALFORMED, data_records, time_of
from ironstream.sinks.http.answers import AnsweredError, Verdict, judge
from ironstream.sinks.http.client import Answer, HttpClient
from ironstream.sinks.http.delivery import REFUSED
from ironstream.sinks.http.progress import Progress
from ironstream.sinks.http.urls import target_of
from ironstream.sinks.pagerduty.config import PagerDutyConfig
from ironstream.sinks.pagerduty.events import event
from ironstream.sinks.pagerduty.transitions import Call, Entry, calls
from ironstream.sinks.sink import Cut, Limits, Prepared, Refusal

_LIMITS: Final = Limits(rows=5000, age_s=2.0, write_timeout_s=600.0)
"""An alarm that clears within the age pages nobody; a backlog is few cuts, in which most alarms have their end."""


class PagerDutySink:
    """Tells PagerDuty the state that each occurrence has at the end of a cut."""

    def __init__(self, config: PagerDutyConfig, clock: Callable[[], float] = time.time) -> None:
        self._config, self._clock = config, clock
        self._target = target_of(config.url, config.rules)
        self._key = config.routing_key.get_secret_value()
        self._min_severity = Severity[config.min_severity]
        self._client = HttpClient(config, [self._key])
        self._progress: Progress[Verdict] = Progress()

    @property
    def limits(self) -> Limits:
        """How much it takes at once."""
        return _LIMITS

    def prepare(self, chunk: Chunk) -> Prepared[list[Entry]]:
        """An entry for each transition."""
        entries, places, refusals, nbytes = [], [], [], 0
        for place, record in data_records(chunk):
            try:
                entries.append(_entry(record))
            except DecodeError as fault:
                refusals.append(Refusal(place, MALFORMED, str(fault)))
                continue
            places.append(place)
            nbytes += 2 * len(record.value or b"")
        return Prepared(entries, np.asarray(places, np.int64), nbytes, refusals)

    async def connect(self) -> None:
        """Reach the API. Whether it knows the routing key shows only with the first event."""
        await self.reach()

    async def reach(self) -> str:
        """What `connect` found, as a sentence."""
        await self._client.open()
        return await self._client.reach(self._target) + "; whether the routing key is right shows with the first alarm"

    async def write(self, cut: Cut[list[Entry]]) -> list[Refusal]:
        """Send the calls of the cut, most urgent first."""
        entries = [entry for part in cut.parts for entry in part.prepared.rows]
        if not entries:
            return []
        config = self._config
        wanted = calls(entries, int(self._clock() * 1e6), self._min_severity, config.max_age_s)
        refusals = []
        with self._progress.attempt(cut.topic, _name(entries[0])) as answered:
            for call in wanted:
                verdict = answered.get(_name(call.entry))
                if verdict is None:
                    verdict = answered[_name(call.entry)] = await self._send(call)
                if verdict.whole is not None:
                    refusals.append(Refusal(call.row, REFUSED, verdict.whole))
        return sorted(refusals, key=lambda refusal: refusal.place)

    async def close(self) -> None:
        """Close the session."""
        await self._client.close()

    async def _send(self, call: Call) -> Verdict:
        body = event(call, self._key, self._config.links)
        answer = await self._client.post(self._target, body, {"Content-Type": "application/json"})
        if answer.status == 400 and _is_of_the_key(answer):
            raise AnsweredError(
                f"{self._target.origin} does not know the routing key: "
                f"{self._client.shown(answer.body.decode('utf-8', 'replace'))}",
                'routing_key is the integration key of an "Events API v2" integration, 32 characters',
            )
        verdict = judge(answer, self._target.origin, self._clock(), self._client.shown)
        return Verdict(whole=verdict.whole)


def _entry(record: Record) -> Entry:
    one = decode_transition(record)
    time_us = time_of(one.time, "time")
    if time_us is None:
        raise DecodeError("time", "is missing")
    try:
        return Entry(one, AlarmState(one.state), Severity[one.severity], time_us)
    except (ValueError, KeyError) as err:
        raise DecodeError("state, severity", f"not known: {err}") from err


def _name(entry: Entry) -> str:
    return f"{entry.transition.occurrence_id}/{entry.transition.transition}"


class _Fault(msgspec.Struct):
    errors: list[str] = []


def _is_of_the_key(answer: Answer) -> bool:
    # an event without fault is refused for it like all others: nothing is wrong with the alarm
    try:
        found = msgspec.json.decode(answer.body, type=_Fault).errors
    except (ValueError, RecursionError):
        return False
    return any("routing_key" in error for error in found)
