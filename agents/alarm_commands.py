"""Carries out operators' commands on the alarms of one partition, and says on audit_trail what became of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from agents.alarm_register import AlarmRegister
from agents.live_topology import Topology
from agents.log_clock import LAST_MS
from ironstream.alarm_codec import AuditEntry, encode, said_before
from ironstream.contract import ID_HEADER, Command, Evidence, Topic, asset_key
from ironstream.domain.alarm_commands import (
    Impossible,
    Order,
    acknowledge,
    annotate,
    shelve,
    suppress_with_asset,
    unshelve,
    unshelve_with_asset,
)
from ironstream.domain.alarms import Alarm, Cause, Shelf, Suppression, Transition
from ironstream.domain.times import to_iso, to_us
from ironstream.engine.api import Outputs
from tables.alarms import SeenCommand

MAX_SHELVE_S: Final = 30 * 86_400
Emit = Callable[[Transition, Outputs], None]


class AlarmCommands:
    """Commands against one register. Transitions go to `emit` in the order they happen, then one audit entry."""

    def __init__(self, register: AlarmRegister, emit: Emit, max_shelve_s: int = MAX_SHELVE_S) -> None:
        self._register = register
        self._emit = emit
        self._max_shelve_s = max_shelve_s
        self._actions = {
            "ack": self._ack,
            "shelve": self._shelve,
            "unshelve": self._unshelve,
            "suppress": self._suppress,
            "comment": self._comment,
        }

    def take(self, command: Command, cause: Cause, key: bytes | None, topology: Topology, out: Outputs) -> str:
        """Carry out the command once; the answer, also returned, is accepted, rejected or repeated."""
        register = self._register
        seen = register.seen_command(command.command_id)
        alarm, entries, reason = None, [], None
        if seen is not None:
            outcome, reason = "repeated", said_before(seen.outcome, seen.offset)
        else:
            outcome = "accepted"
            try:
                alarm = self._alarm(command)
                entries = self._carry_out(command, alarm, cause, topology)
            except Impossible as why:
                outcome, reason = "rejected", str(why)
            register.remember_command(command.command_id, SeenCommand(cause.offset, register.now_ms, outcome))
        for entry in entries:
            register.put(entry.alarm)
            self._emit(entry, out)
        self._audit(command, alarm, cause, key, outcome, reason, len(entries), out)
        return outcome

    def _carry_out(self, command: Command, alarm: Alarm | None, cause: Cause, topology: Topology) -> list[Transition]:
        action = self._actions.get(command.command)
        if action is None:
            raise Impossible(f"{command.command!r} is no command: use {', '.join(self._actions)}")
        if alarm is None and not command.asset_id:
            raise Impossible("names no alarm: give alarm_id or occurrence_id, or asset_id to suppress a whole asset")
        if alarm is None:
            refusal = topology.admits(command.tenant_id, command.site_id, command.asset_id)
            if refusal is not None:
                raise Impossible(f"asset {_asset(command)} is not admitted: {refusal}")
        now_ms = self._register.now_ms
        time_us = now_ms * 1000 if command.time is None else _time("time", command.time)
        return action(command, alarm, Order(command.actor, time_us, cause, now_ms, command.comment, command.reason))

    def _alarm(self, command: Command) -> Alarm | None:
        if command.alarm_id is None and command.occurrence_id is None:
            return None
        register = self._register
        if command.alarm_id is not None:
            alarm = register.alarms.get(command.alarm_id)
            if alarm is None:
                raise Impossible(f"alarm {command.alarm_id!r} is not known")
            if command.occurrence_id not in (None, alarm.occurrence_id):
                raise Impossible(
                    "it was raised again since: the latest occurrence is"
                    f" {alarm.occurrence_id}, not {command.occurrence_id!r}"
                )
        else:
            alarm = register.of_occurrence(command.occurrence_id or "")
            if alarm is None:
                raise Impossible(f"{command.occurrence_id!r} is not the latest occurrence of any alarm")
        if command.asset_id and _asset(command) != alarm.key.asset:
            raise Impossible(f"the alarm belongs to {alarm.key.asset}, not to {_asset(command)}")
        return alarm

    def _ack(self, command: Command, alarm: Alarm | None, order: Order) -> list[Transition]:
        alarm = _one(command, alarm)
        return [acknowledge(alarm, _on(order, alarm))[1]]

    def _comment(self, command: Command, alarm: Alarm | None, order: Order) -> list[Transition]:
        alarm = _one(command, alarm)
        _require(command, "comment")
        return [annotate(alarm, self._suppression(alarm), _on(order, alarm))[1]]

    def _shelve(self, command: Command, alarm: Alarm | None, order: Order) -> list[Transition]:
        alarm = _one(command, alarm)
        _require(command, "reason", "comment")
        shelf = Shelf(self._until_ms(command), one_shot=command.until is None)
        return [shelve(alarm, shelf, self._suppression(alarm), _on(order, alarm))[1]]

    def _unshelve(self, command: Command, alarm: Alarm | None, order: Order) -> list[Transition]:
        if alarm is not None:
            return [unshelve(alarm, self._suppression(alarm), _on(order, alarm))[1]]
        asset = _asset(command)
        if asset not in self._register.suppressions:
            raise Impossible(f"asset {asset} is not suppressed (to unshelve one alarm give its alarm_id)")
        del self._register.suppressions[asset]
        return [
            unshelve_with_asset(held, _on(order, held))[1]
            for held in self._register.of_asset(asset)
            if held.state == "SUPPRESSED" and held.shelf is None
        ]

    def _suppress(self, command: Command, alarm: Alarm | None, order: Order) -> list[Transition]:
        until_ms = self._until_ms(command)
        if alarm is not None:
            shelf = Shelf(until_ms, one_shot=False)
            return [shelve(alarm, shelf, self._suppression(alarm), _on(order, alarm))[1]]
        asset = _asset(command)
        before = self._register.suppressions.get(asset)
        self._register.suppress(asset, Suppression(until_ms, command.actor, command.reason, command.comment))
        before_ms = before.until_ms if before else None
        entries = (
            suppress_with_asset(held, until_ms, before_ms, _on(order, held)) for held in self._register.of_asset(asset)
        )
        return [entry for entry in entries if entry is not None]

    def _suppression(self, alarm: Alarm) -> Suppression | None:
        return self._register.suppressions.get(alarm.key.asset)

    def _until_ms(self, command: Command) -> int:
        """End of a shelving in ms of the log's clock; without one it is the longest that is allowed."""
        now_ms = self._register.now_ms
        last_ms = min(now_ms + self._max_shelve_s * 1000, LAST_MS)
        if command.until is None:
            return last_ms
        until_ms = -(-_time("until", command.until) // 1000)
        if until_ms <= now_ms:
            raise Impossible(f"until {command.until} is not after {to_iso(now_ms * 1000)}, the time in the log")
        if until_ms > last_ms:
            raise Impossible(f"until {command.until} is too far: {to_iso(last_ms * 1000)} is the latest allowed")
        return until_ms

    def _audit(
        self,
        command: Command,
        alarm: Alarm | None,
        cause: Cause,
        key: bytes | None,
        outcome: str,
        reason: str | None,
        transitions: int,
        out: Outputs,
    ) -> None:
        now_ms = self._register.now_ms
        # a command need not name the asset of its alarm, and names one of two ids at most times
        of = command if alarm is None else alarm.key
        entry = AuditEntry(
            command_id=command.command_id,
            command=command.command,
            actor=command.actor,
            tenant_id=of.tenant_id,
            site_id=of.site_id,
            asset_id=of.asset_id,
            alarm_id=command.alarm_id if alarm is None else alarm.key.alarm_id,
            occurrence_id=command.occurrence_id if alarm is None else alarm.occurrence_id,
            outcome=outcome,
            reason=reason,
            transitions=transitions,
            time=to_iso(now_ms * 1000),
            evidence=Evidence(cause.topic, cause.partition, cause.offset),
            request=command,
        )
        record_id = f"{cause.topic}/{cause.partition}/{cause.offset}"
        headers = [(ID_HEADER, record_id.encode())]
        audit_key = asset_key(of.tenant_id, of.site_id, of.asset_id) if of.asset_id else key
        out.send(Topic.AUDIT_TRAIL, audit_key, encode(entry), now_ms, headers)


def _asset(command: Command) -> str:
    return f"{command.tenant_id}/{command.site_id}/{command.asset_id}"


def _one(command: Command, alarm: Alarm | None) -> Alarm:
    if alarm is None:
        raise Impossible(f"{command.command} is for one alarm: give alarm_id or occurrence_id")
    return alarm


def _on(order: Order, alarm: Alarm) -> Order:
    """The order as the cause of an entry of this alarm, whose rule and topology version stay named."""
    known = alarm.cause
    cause = replace(order.cause, rule_id=known.rule_id, topology_version=known.topology_version)
    return replace(order, cause=cause)


def _require(command: Command, *names: str) -> None:
    missing = [name for name in names if not (getattr(command, name) or "").strip()]
    if missing:
        raise Impossible(f"{command.command} needs {' and '.join(missing)}")


def _time(name: str, text: str) -> int:
    try:
        return to_us(text)
    except ValueError as err:
        raise Impossible(f"{name}: {err}") from err
