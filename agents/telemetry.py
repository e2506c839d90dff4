"""The telemetry agent: raw readings to clean ones, aggregates, alarm conditions, events and dead letters."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from functools import lru_cache, partial

import numpy as np
from aiokafka.partitioner import murmur2
from msgspec.structs import astuple

from agents.live_topology import LiveTopology, Topology
from agents.log_clock import LogClock
from agents.telemetry_input import read_input
from agents.telemetry_names import Names
from agents.telemetry_output import TelemetryOutput
from agents.telemetry_state import TelemetryState
from agents.telemetry_wire import JsonWire, Wire
from ironstream.codec import NO_SCHEMAS
from ironstream.contract import CONTROL_KEY, Topic
from ironstream.domain.batch import Batch, Finding
from ironstream.domain.conditions import Change
from ironstream.domain.quality import assess
from ironstream.domain.rules import SeriesRules
from ironstream.domain.series import Identity
from ironstream.domain.windows.level import Closed
from ironstream.domain.windows.results import results
from ironstream.engine.api import Chunk, LogicFactory, Outputs, Record, Records, Store
from ironstream.engine.app import App, Chunks
from ironstream.engine.control import Tick, decode_control
from ironstream.schemas import Schemas

NAME = "telemetry"


def register(
    app: App, topology: Topology, partitions: int, schemas: Schemas = NO_SCHEMAS, wire: Wire | None = None
) -> None:
    """Run the agent in `app`, with `topology` until the log names another; the deployment has `partitions`.

    `schemas` are those of Avro that is read; clean readings go out on `wire` (JSON).
    """

    @app.batch_agent(Topic.TELEMETRY_RAW, name=NAME, logic=logic_factory(topology, partitions, schemas, wire))
    async def telemetry(chunks: Chunks) -> None:
        async for chunk, partition in chunks:
            partition.logic.apply(chunk, partition.outputs)


def logic_factory(
    topology: Topology, partitions: int = 1, schemas: Schemas = NO_SCHEMAS, wire: Wire | None = None
) -> LogicFactory:
    """Makes the agent's logic for a partition."""

    def make(store: Store, partition: int) -> TelemetryPartition:
        return TelemetryPartition(store, partition, topology, partitions, schemas, wire)

    return make


class TelemetryPartition:
    """Series, windows and conditions of one partition of telemetry.raw.

    The outputs are a pure function of the log: ticks and append times are its only clock. `counts` (records by what
    became of them) and `seconds` (time spent per step) are since the start of the worker; they decide nothing.
    """

    def __init__(
        self,
        store: Store,
        partition: int,
        topology: Topology,
        partitions: int = 1,
        schemas: Schemas = NO_SCHEMAS,
        wire: Wire | None = None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._store = store
        self._partition = partition
        self._partitions = partitions
        self._schemas = schemas
        self._wire = wire or JsonWire()
        self._live = LiveTopology(store, topology)
        self._clock = LogClock(store)
        self._build()

    def _build(self) -> None:
        """Make the state from the rows of the store and the rules that hold."""
        topology = self._live.current
        self.state = TelemetryState(self._store, topology.windows)
        self._names = Names(self.state.table, topology, self._wire, self._new_series)
        self._output = TelemetryOutput(
            self.state.table, Topic.TELEMETRY_RAW, self._partition, topology.version, self._wire
        )
        self.state.load(topology.series)
        for row in range(len(self.state.table)):
            self._output.register(row)
        # Silence of a series that never spoke can only be noticed where it would speak.
        for series in topology.watched_series:
            if murmur_partition(series.kafka_key, self._partitions) == self._partition:
                self._declare(astuple(series))

    @property
    def topology_version(self) -> int:
        """Version of the topology that the log named last."""
        return self._live.version

    @property
    def topology_number(self) -> int:
        """Number of the newest change of it that the log has named."""
        return self._live.number

    def _new_series(self, row: int, rules: SeriesRules) -> None:
        self.state.register(row, rules)
        self._output.register(row)

    def _declare(self, identity: Identity) -> None:
        if self.state.table.find(identity) is None:
            rules = self._live.current.series(*identity)
            self._new_series(self.state.table.add(identity, rules), rules)

    def apply(self, chunk: Chunk, out: Outputs) -> None:
        """Take every record in order; one that cannot be used goes to the DLQ and changes nothing."""
        records = chunk.records
        done = 0
        for at in records.with_key(CONTROL_KEY):
            if done < at:
                self._take(records[done:at], out)
            self._control(records[at], out)
            done = at + 1
        if done < len(records):
            self._take(records[done:] if done else records, out)

    def flush(self) -> None:
        """Write every changed row into the store, and let go of windows that can no longer be restated."""
        self.state.expire()
        self._write()

    def _write(self) -> None:
        self.state.flush()
        self._live.flush()
        self._clock.flush()

    def _control(self, record: Record, out: Outputs) -> None:
        self._clock.advance(record.timestamp)
        if self._live.follow(record):
            # The rows know nothing of rules, so a new version takes over what the old one left.
            self._write()
            before = self.state
            self._build()
            self._output.changes(self.state.withdraw(before), {}, record.offset, self._clock.now_ms, out)
        elif isinstance(decode_control(record), Tick):
            with np.errstate(all="ignore"):
                closed = self.state.windows.tick(self.state.table, self._clock.now_ms * 1000)
                self._emit_closed(closed, None, record.offset, out)
            changes = self.state.conditions.tick(self.state.table, self._clock.now_ms * 1000)
            self._output.changes(changes, {}, record.offset, self._clock.now_ms, out)

    def _take(self, records: Records, out: Outputs) -> None:
        started = time.perf_counter()
        clock = records.timestamps * 1000
        clock[0] = max(int(clock[0]), self._clock.now_ms * 1000)
        clock = np.maximum.accumulate(clock)
        self._clock.advance(int(clock[-1]) // 1000)
        given = read_input(records, clock, self._names, self._schemas)
        decoded = time.perf_counter()
        findings: list[Finding] = []
        changes: list[Change] = []
        closed: list[Closed] = []
        with np.errstate(all="ignore"):
            if given.batch is not None:
                findings = assess(given.batch, self.state.table, self.state.seen)
                closed, too_late = self.state.windows.add(given.batch, self.state.table)
                findings += too_late
                changes = self.state.conditions.on_readings(given.batch, self.state.table)
            staged = time.perf_counter()
            self._output.readings(given, self._names, out)
            self._output.refusals(records, given.refusals, out)
            self._output.statuses(records, given.statuses, out)
            self._output.findings(findings, out)
            self._emit_closed(closed, given.batch, int(records.offsets[-1]), out)
        if changes and given.batch is not None:
            offsets = dict(zip(given.batch.row.tolist(), given.batch.offset.tolist(), strict=True))
            self._output.changes(changes, offsets, int(records.offsets[-1]), self._clock.now_ms, out)
        self.counts["records"] += len(records)
        self.seconds["decode"] += decoded - started
        self.seconds["stages"] += staged - decoded
        self.seconds["encode"] += time.perf_counter() - staged

    def _emit_closed(self, closed: list[Closed], batch: Batch | None, offset: int, out: Outputs) -> None:
        state = self.state
        now_ms = self._clock.now_ms
        for one in closed:
            level = next(level for level in state.windows.levels if level.size.size_us == one.size_us)
            done = results(one, state.table.state["watermark"], level.size.grace_us)
            self._output.aggregates(done, now_ms, out)
            for at, series in enumerate(done.series):
                if not state.conditions.watches_aggregates(one.size_us, series):
                    continue
                value = partial(done.value, at=at)
                changes = state.conditions.on_aggregate(one.size_us, series, done.end[at], value)
                cause = _closing_offset(batch, series, done.end[at] + level.size.grace_us, offset)
                self._output.changes(changes, {}, cause, now_ms, out)


@lru_cache(maxsize=1 << 17)
def murmur_partition(key: bytes, partitions: int) -> int:
    """The partition that Kafka's default partitioner gives a key."""
    # Asked of every declared series for each partition that takes up a topology, and the hash takes 4 µs: unremembered,
    # 100 000 series in 12 partitions held up the event loop for five seconds.
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


def _closing_offset(batch: Batch | None, series: int, passed: int, otherwise: int) -> int:
    """Offset of the reading that moved the watermark of `series` to `passed`, the cause that a window closed."""
    if batch is None:
        return otherwise
    rows = np.flatnonzero((batch.series == series) & batch.counted & (batch.time >= passed))
    return int(batch.offset[rows[0]]) if len(rows) else otherwise
