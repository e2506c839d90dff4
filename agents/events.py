"""The events agent: events.raw in; events.clean, conditions for alarms.raw and dead letters out."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final
from urllib.parse import quote

import msgspec

from agents.event_rules import EventRules
from agents.live_topology import LiveTopology, Topology
from agents.log_clock import LogClock
from agents.rows import LiveRows
from ironstream.alarm_codec import RawEvent, decode_event, encode_event
from ironstream.contract import (
    ID_HEADER,
    SCHEMA_VERSION,
    TOPOLOGY_HEADER,
    Event,
    Timestamps,
    Topic,
    asset_key,
)
from ironstream.dlq import dlq_headers
from ironstream.domain.events import EventOrigin, StateEvent, state_text
from ironstream.domain.rules import TimeRules
from ironstream.domain.times import to_iso, to_us
from ironstream.engine.api import Chunk, LogicFactory, Outputs, PartitionLogic, Record, Store
from ironstream.engine.app import App, Chunks
from ironstream.engine.control import is_control
from ironstream.errors import DecodeError
from tables.events import EVENT_SERIES, SERIES_RETENTION_MS, TIMES_KEPT, EventSeries

NAME: Final = "events"


def register(app: App, topology: Topology) -> None:
    """Run the agent in `app`, with `topology` until the log names another."""

    @app.batch_agent(Topic.EVENTS_RAW, name=NAME, logic=logic_factory(topology))
    async def events(chunks: Chunks) -> None:
        async for chunk, partition in chunks:
            partition.logic.apply(chunk, partition.outputs)


def logic_factory(topology: Topology) -> LogicFactory:
    """Factory of the agent's work on a partition; `topology` holds until the log names one."""

    def make(store: Store, partition: int) -> PartitionLogic:
        return EventsPartition(store, partition, topology)

    return make


class EventsPartition:
    """All events of one partition.

    The outputs are a pure function of the log: how the records were cut into chunks, and restarts between them, make no
    difference. `counts` is what became of the records since the start of the worker, by outcome; it decides nothing.
    """

    def __init__(self, store: Store, partition: int, topology: Topology) -> None:
        self.partition = partition
        self.counts: Counter[str] = Counter()
        self._clock = LogClock(store)
        self._topology = LiveTopology(store, topology)
        self._rules = EventRules(store, self._topology.current)
        self._series = LiveRows(EVENT_SERIES, store)
        self._silent_longest = dict.fromkeys(sorted(self._series, key=lambda name: self._series[name].seen_ms))

    @property
    def topology_version(self) -> int:
        """Version of the topology that the log named last."""
        return self._topology.version

    @property
    def topology_number(self) -> int:
        """Number of the newest change of it that the log has named."""
        return self._topology.number

    def apply(self, chunk: Chunk, out: Outputs) -> None:
        """Take every record in order; one that cannot be used goes to the DLQ and changes nothing."""
        for record in chunk.records:
            self._clock.advance(record.timestamp)
            self._rules.tick(self._clock.now_ms, out)
            self._forget_silent()
            if not is_control(record):
                self._take(record, chunk, out)
            elif self._topology.follow(record):
                self._rules.follow(self._topology.current, self._clock.now_ms, out)

    def flush(self) -> None:
        """Write every changed row into the store."""
        for rows in (self._topology, self._rules, self._series, self._clock):
            rows.flush()

    def _take(self, record: Record, chunk: Chunk, out: Outputs) -> None:
        try:
            raw = decode_event(record.value)
            event = raw.event
            refusal = self._topology.current.admits(event.tenant_id, event.site_id, event.asset_id)
            if refusal is not None:
                asset = f"{event.tenant_id}/{event.site_id}/{event.asset_id}"
                self._refuse(record, chunk, refusal, f"asset {asset} is not in the topology", out)
                return
            time_us, fault = _event_time(event, self._clock.now_ms, self._topology.current.times)
            if fault is not None:
                self._refuse(record, chunk, "time_out_of_range", fault, out)
                return
            self._event(raw, time_us, EventOrigin(chunk.topic, chunk.partition, record.offset), out)
        except DecodeError as fault:
            self._refuse(record, chunk, "malformed", str(fault), out)

    def _event(self, raw: RawEvent, time_us: int, origin: EventOrigin, out: Outputs) -> None:
        event, now_ms = raw.event, self._clock.now_ms
        place = f"{event.tenant_id}/{event.site_id}/{event.asset_id}/{event.parameter or '-'}"
        kind = quote(event.type, safe="")
        name = f"{place}/{kind}"
        series = self._series.get(name)
        if series is not None and time_us in series.recent_us:
            self.counts["duplicate"] += 1
            return
        is_newest = series is None or time_us >= series.newest_us
        known = series.state if series is not None and is_newest else None
        try:
            state = state_text(event.value if event.to is None else event.to)
            previous = known if event.from_ is None else state_text(event.from_)
        except (RecursionError, ValueError) as err:  # too deep, or an integer too long to be written
            raise DecodeError("from, to, value", f"cannot be a state: {err}") from err
        if raw.changes_only and previous is not None:
            event = msgspec.structs.replace(event, from_=previous)
        clean = encode_event(_clean(event, now_ms), raw.unknown)
        # nothing below this line can fail: a record either counts whole or goes to the DLQ
        self._remember(name, series, time_us, state)
        if raw.changes_only and series is not None and state == series.state:
            self.counts["unchanged"] += 1
        else:
            self.counts["clean"] += 1
            key = asset_key(event.tenant_id, event.site_id, event.asset_id)
            headers = [
                (ID_HEADER, f"{kind}/{place}/{time_us}".encode()),
                (TOPOLOGY_HEADER, b"%d" % self._topology.current.version),
            ]
            out.send(Topic.EVENTS_CLEAN, key, clean, now_ms, headers)
        self._rules.take(event, StateEvent(time_us, state, previous, origin), is_newest, now_ms, out)

    def _remember(self, name: str, series: EventSeries | None, time_us: int, state: str | None) -> None:
        now_ms = self._clock.now_ms
        if series is None:
            series = EventSeries((time_us,), time_us, state, now_ms)
        else:
            recent = (*series.recent_us, time_us)[-TIMES_KEPT:]
            if time_us < series.newest_us:
                time_us, state = series.newest_us, series.state
            series = EventSeries(recent, time_us, state, now_ms)
        self._series[name] = series
        self._silent_longest.pop(name, None)
        self._silent_longest[name] = None

    def _forget_silent(self) -> None:
        while self._silent_longest:
            name = next(iter(self._silent_longest))
            if self._series[name].seen_ms + SERIES_RETENTION_MS > self._clock.now_ms:
                return
            del self._silent_longest[name]
            del self._series[name]

    def _refuse(self, record: Record, chunk: Chunk, reason: str, detail: str, out: Outputs) -> None:
        self.counts[reason] += 1
        headers = dlq_headers(record, chunk.topic, chunk.partition, reason, detail, self._topology.current.version)
        out.send(Topic.DLQ_EVENTS, record.key, record.value, self._clock.now_ms, headers)


def _event_time(event: Event, now_ms: int, rules: TimeRules) -> tuple[int, str | None]:
    """Time of the event in µs, and why it cannot be believed (None: it can). Raises DecodeError when it has none."""
    times = event.timestamps or Timestamps()
    own = times.device_time if times.device_time is not None else times.gateway_time
    if own is None:
        raise DecodeError("timestamps", "has neither device_time nor gateway_time")
    time_us = to_us(own)
    has_both = times.device_time is not None and times.gateway_time is not None
    # without a gateway's clock the log's is the only one that could know
    reference_us = to_us(times.gateway_time or 0) if has_both else now_ms * 1000
    if time_us > reference_us + rules.future_us:
        return time_us, f"{to_iso(time_us)} is too far ahead of {to_iso(reference_us)}"
    if has_both and time_us < reference_us - rules.past_us:
        return time_us, f"{to_iso(time_us)} is too far behind {to_iso(reference_us)}"
    return time_us, None


def _clean(event: Event, now_ms: int) -> Event:
    times = event.timestamps or Timestamps()
    clean = Timestamps(_iso(times.device_time), _iso(times.gateway_time), to_iso(now_ms * 1000), times.timezone)
    return msgspec.structs.replace(event, timestamps=clean, schema_version=SCHEMA_VERSION)


def _iso(time: Any) -> str | None:
    return None if time is None else to_iso(to_us(time))
