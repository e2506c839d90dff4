"""The alarms agent: alarms.raw in; the journal (alarms.clean), audit_trail and dead letters out.

One log holds conditions, external alarms and operators' commands, so their order is the same for every replay. All
that is timed follows the log's clock: the append time of every record, ticks among them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Final

from agents.alarm_commands import MAX_SHELVE_S, AlarmCommands
from agents.alarm_register import AlarmRegister, series_of
from agents.live_topology import LiveTopology, Topology
from ironstream.alarm_codec import decode_alarm, encode
from ironstream.contract import (
    ID_HEADER,
    TOPOLOGY_HEADER,
    AlarmState,
    AlarmTransition,
    Command,
    Condition,
    Evidence,
    ExternalAlarm,
    Severity,
    Timestamps,
    Topic,
    asset_key,
)
from ironstream.dlq import dlq_headers
from ironstream.domain.alarms import AlarmKey, Cause, Remark, Signal, Transition, on_signal, release
from ironstream.domain.times import to_iso, to_us
from ironstream.engine.api import Chunk, LogicFactory, Outputs, PartitionLogic, Record, Store
from ironstream.engine.app import App, Chunks
from ironstream.engine.control import is_control
from ironstream.errors import DecodeError
from tables.alarms import LastCondition

EXPIRED: Final = {"alarm": "shelving expired", "asset": "suppression of the asset expired"}


NAME: Final = "alarms"


def register(app: App, topology: Topology) -> None:
    """Run the agent in `app`, with `topology` until the log names another."""

    @app.batch_agent(Topic.ALARMS_RAW, name=NAME, logic=logic_factory(topology))
    async def alarms(chunks: Chunks) -> None:
        async for chunk, partition in chunks:
            partition.logic.apply(chunk, partition.outputs)


def logic_factory(topology: Topology, *, max_shelve_s: int = MAX_SHELVE_S) -> LogicFactory:
    """Factory of the agent's work on a partition. `max_shelve_s` is the longest shelving that is accepted."""

    def make(store: Store, partition: int) -> PartitionLogic:
        return AlarmsPartition(store, partition, topology, max_shelve_s=max_shelve_s)

    return make


class AlarmsPartition:
    """All alarms of one partition.

    The outputs are a pure function of the log and of the topology: how the records were cut into chunks, and restarts
    between them, make no difference. `topology` holds until the log names another. `counts` is what became of the
    records since the start of the worker, by outcome; it decides nothing.
    """

    def __init__(self, store: Store, partition: int, topology: Topology, *, max_shelve_s: int = MAX_SHELVE_S) -> None:
        self.counts: Counter[str] = Counter()
        self.partition = partition
        self._topology = LiveTopology(store, topology)
        self._register = AlarmRegister(store)
        self._commands = AlarmCommands(self._register, self._emit, max_shelve_s)

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
            self._register.advance(record.timestamp)
            self._expire(Cause(chunk.topic, chunk.partition, record.offset), out)
            if is_control(record):
                self._topology.follow(record)
            else:
                self._take(record, chunk, out)

    def flush(self) -> None:
        """Write every changed row into the store."""
        self._topology.flush()
        self._register.flush()

    def _take(self, record: Record, chunk: Chunk, out: Outputs) -> None:
        cause = Cause(chunk.topic, chunk.partition, record.offset)
        try:
            message = decode_alarm(record.value)
        except DecodeError as fault:
            self._refuse(record, chunk, "malformed", str(fault), out)
            return
        if isinstance(message, Command):
            outcome = self._commands.take(message, cause, record.key, self._topology.current, out)
            self.counts[f"command_{outcome}"] += 1
        elif isinstance(message, Condition):
            self._condition(message, out)
        else:
            refusal = self._topology.current.admits(message.tenant_id, message.site_id, message.asset_id)
            if refusal is not None:
                asset = f"{message.tenant_id}/{message.site_id}/{message.asset_id}"
                self._refuse(record, chunk, refusal, f"asset {asset} is not in the topology", out)
                return
            self._external(message, cause, record, out)

    def _condition(self, condition: Condition, out: Outputs) -> None:
        evidence = condition.evidence
        cause = Cause(
            evidence.topic,
            evidence.partition,
            evidence.offset,
            evidence.rule_id or condition.rule_id,
            evidence.topology_version,
        )
        key = _key(condition, f"rule:{condition.rule_id}")
        register = self._register
        series = series_of(key)
        last = register.last_conditions.get(series)
        if last is not None and condition.number <= last.number:
            self.counts["duplicate"] += 1
            return
        signal = _signal(condition, to_us(condition.time), cause, condition.number)
        if last is not None and last.alarm_id != key.alarm_id:
            # the rule's type was edited: nothing else would ever clear the alarm that it raised before
            before = register.alarms.get(last.alarm_id)
            if before is not None:
                withdrawn = Signal(False, before.severity, signal.time_us, cause, number=condition.number)
                self._signal(before.key, withdrawn, out)
        register.took(series, LastCondition(condition.number, key.alarm_id, register.now_ms))
        self.counts["condition"] += 1
        self._signal(key, signal, out)

    def _external(self, alarm: ExternalAlarm, cause: Cause, record: Record, out: Outputs) -> None:
        adapter = alarm.metadata.adapter_id if alarm.metadata else None
        times = alarm.timestamps or Timestamps()
        time = times.device_time if times.device_time is not None else times.gateway_time
        # without any time of its own it happened when the log took it
        time_us = self._register.now_ms * 1000 if time is None else to_us(time)
        self.counts["external"] += 1
        source = f"adapter:{adapter}" if adapter else "external"
        self._signal(_key(alarm, source), _signal(alarm, time_us, cause), out)

    def _signal(self, key: AlarmKey, signal: Signal, out: Outputs) -> None:
        register = self._register
        before = register.alarms.get(key.alarm_id)
        suppression = register.suppressions.get(key.asset)
        alarm, entry = on_signal(before, key, signal, suppression, register.now_ms)
        if alarm is not None and alarm is not before:
            register.put(alarm)
        if entry is not None:
            self._emit(entry, out)

    def _expire(self, cause: Cause, out: Outputs) -> None:
        register = self._register
        for due_ms, kind, name in register.due():
            if kind == "asset":
                del register.suppressions[name]
                held = [alarm for alarm in register.of_asset(name) if alarm.state == "SUPPRESSED" and not alarm.shelf]
            else:
                held = [register.alarms[name]]
            for alarm in held:
                known = alarm.cause
                why = replace(cause, rule_id=known.rule_id, topology_version=known.topology_version)
                if alarm.key.asset in register.suppressions:
                    register.put(replace(alarm, shelf=None))  # the asset's suppression holds it now
                    continue
                alarm, entry = release(alarm, due_ms * 1000, why, register.now_ms, Remark(reason=EXPIRED[kind]))
                register.put(alarm)
                self._emit(entry, out)

    def _emit(self, entry: Transition, out: Outputs) -> None:
        alarm = entry.alarm
        key = alarm.key
        headers = [
            (ID_HEADER, f"{alarm.occurrence_id}/{alarm.transition}".encode()),
            (TOPOLOGY_HEADER, b"%d" % self._topology.current.version),
        ]
        out.send(
            Topic.ALARMS_CLEAN,
            asset_key(key.tenant_id, key.site_id, key.asset_id),
            encode(journal_entry(entry)),
            self._register.now_ms,
            headers,
        )

    def _refuse(self, record: Record, chunk: Chunk, reason: str, detail: str, out: Outputs) -> None:
        self.counts[reason] += 1
        headers = dlq_headers(record, chunk.topic, chunk.partition, reason, detail, self._topology.current.version)
        out.send(Topic.DLQ_ALARMS, record.key, record.value, self._register.now_ms, headers)


def journal_entry(entry: Transition) -> AlarmTransition:
    """The record of alarms.clean for one entry of the journal."""
    alarm, key, cause = entry.alarm, entry.alarm.key, entry.cause
    return AlarmTransition(
        alarm_id=key.alarm_id,
        occurrence_id=alarm.occurrence_id,
        transition=alarm.transition,
        tenant_id=key.tenant_id,
        site_id=key.site_id,
        asset_id=key.asset_id,
        parameter=key.parameter,
        type=key.type,
        severity=Severity(alarm.severity).name,
        state=alarm.state,
        previous_state=entry.previous_state,
        raised_at=to_iso(alarm.raised_us),
        acked_at=_iso(alarm.acked_us),
        acked_by=alarm.acked_by,
        cleared_at=_iso(alarm.cleared_us),
        time=to_iso(entry.time_us),
        message=alarm.message,
        value=alarm.value,
        threshold=alarm.threshold,
        unit=alarm.unit,
        actor=entry.remark.actor,
        comment=entry.remark.comment,
        reason=entry.remark.reason,
        until=_iso(None if entry.until_ms is None else entry.until_ms * 1000),
        count=alarm.count,
        evidence=Evidence(cause.topic, cause.partition, cause.offset, cause.rule_id, cause.topology_version),
    )


def _key(message: Condition | ExternalAlarm, source: str) -> AlarmKey:
    return AlarmKey(message.tenant_id, message.site_id, message.asset_id, message.type, source, message.parameter)


def _signal(message: Condition | ExternalAlarm, time_us: int, cause: Cause, number: int = 0) -> Signal:
    return Signal(
        active=message.state == AlarmState.ACTIVE,
        severity=Severity[message.severity],
        time_us=time_us,
        cause=cause,
        message=message.message,
        value=message.value,
        threshold=message.threshold,
        unit=message.unit,
        latched=message.latched,
        number=number,
    )


def _iso(us: int | None) -> str | None:
    return None if us is None else to_iso(us)
