"""The alarm rules on events for one partition: their conditions, and the records that tell of a change."""

from __future__ import annotations

import heapq
import re
from urllib.parse import quote

from agents.live_topology import Topology
from agents.rows import LiveRows
from ironstream.alarm_codec import encode
from ironstream.contract import ID_HEADER, Condition, Event, Evidence, Topic, asset_key
from ironstream.domain.events import Change, StateCondition, StateEvent, due_ms, on_clock, on_event, withdraw
from ironstream.domain.rules import ConditionRule
from ironstream.domain.times import MAX_US, to_iso
from ironstream.engine.api import Outputs, Store
from tables.events import STATE_CONDITIONS, RuleOnSeries

_ASSETS_CACHED = 10_000
_BRACED = re.compile(r"\{\{|\}\}|\{(\w+)\}")


class EventRules:
    """Conditions of kind `state`. Changes go to alarms.raw with a number that grows per rule and series."""

    def __init__(self, store: Store, topology: Topology) -> None:
        self._topology = topology
        self._rows = LiveRows(STATE_CONDITIONS, store)
        self._of_asset: dict[tuple[str, str, str], tuple[ConditionRule, ...]] = {}
        self._due: list[tuple[int, str]] = []
        self._schedule_all()

    def take(self, event: Event, told: StateEvent, is_newest: bool, now_ms: int, out: Outputs) -> None:
        """Judge an event by every rule on its type; `is_newest`: no later event of its series has been taken."""
        for rule in self._rules(event.tenant_id, event.site_id, event.asset_id):
            if rule.event_type != event.type:
                continue
            place = f"{event.tenant_id}/{event.site_id}/{event.asset_id}/{event.parameter or '-'}"
            name = f"{place}/{quote(rule.rule_id, safe='')}"
            row = self._rows.get(name)
            if row is None and not is_newest:
                continue
            condition, changes = on_event(row.condition if row else None, rule, told, now_ms)
            if condition is None:
                continue
            row = RuleOnSeries(event.tenant_id, event.site_id, event.asset_id, event.parameter, rule.rule_id, condition)
            self._keep(name, row, rule)
            self._tell(row, rule, changes, now_ms, out)

    def tick(self, now_ms: int, out: Outputs) -> None:
        """Tell of all whose delay is over by the log's clock, in the order of their times."""
        while self._due and self._due[0][0] <= now_ms:
            due, name = heapq.heappop(self._due)
            row = self._rows[name]
            rule = self._rule(row)
            if rule is None:
                continue
            if due_ms(row.condition, rule) != due:
                continue  # moved on since, and scheduled anew: to take it here would spoil the order of times
            condition, changes = on_clock(row.condition, rule, now_ms)
            row = _with(row, condition)
            self._keep(name, row, rule)
            self._tell(row, rule, changes, now_ms, out)

    def follow(self, topology: Topology, now_ms: int, out: Outputs) -> None:
        """Go on with another topology: what rules that it no longer has have raised is cleared."""
        before = {name: self._rule(row) for name, row in sorted(self._rows.items())}
        self._topology = topology
        self._of_asset.clear()
        for name, old_rule in before.items():
            row = self._rows[name]
            if old_rule is None or self._rule(row) is not None:
                continue
            condition, changes = withdraw(row.condition, min(now_ms * 1000, MAX_US))
            row = _with(row, condition)
            self._rows[name] = row
            self._tell(row, old_rule, changes, now_ms, out)
        self._schedule_all()

    def flush(self) -> None:
        """Write every changed row into the store."""
        self._rows.flush()

    def _rules(self, tenant_id: str, site_id: str, asset_id: str) -> tuple[ConditionRule, ...]:
        asset = (tenant_id, site_id, asset_id)
        rules = self._of_asset.get(asset)
        if rules is None:
            if len(self._of_asset) >= _ASSETS_CACHED:
                self._of_asset.clear()  # names that devices make up must not fill the memory
            rules = tuple(rule for rule in self._topology.event_rules(*asset) if rule.kind == "state")
            self._of_asset[asset] = rules
        return rules

    def _rule(self, row: RuleOnSeries) -> ConditionRule | None:
        rules = self._rules(row.tenant_id, row.site_id, row.asset_id)
        return next((rule for rule in rules if rule.rule_id == row.rule_id), None)

    def _keep(self, name: str, row: RuleOnSeries, rule: ConditionRule) -> None:
        self._rows[name] = row
        due = due_ms(row.condition, rule)
        if due is not None:
            heapq.heappush(self._due, (due, name))

    def _schedule_all(self) -> None:
        self._due = []
        for name, row in self._rows.items():
            rule = self._rule(row)
            due = due_ms(row.condition, rule) if rule is not None else None
            if due is not None:
                self._due.append((due, name))
        heapq.heapify(self._due)

    def _tell(self, row: RuleOnSeries, rule: ConditionRule, changes: list[Change], now_ms: int, out: Outputs) -> None:
        for change in changes:
            condition = Condition(
                tenant_id=row.tenant_id,
                site_id=row.site_id,
                asset_id=row.asset_id,
                rule_id=rule.rule_id,
                number=change.number,
                type=rule.type,
                severity=rule.severity,
                state="ACTIVE" if change.active else "CLEARED",
                time=to_iso(min(change.time_us, MAX_US)),
                message=_message(rule, row, change),
                evidence=Evidence(
                    change.origin.topic,
                    change.origin.partition,
                    change.origin.offset,
                    rule.rule_id,
                    self._topology.version,
                ),
                parameter=row.parameter,
                value=change.state,
                latched=rule.latched,
            )
            key = asset_key(row.tenant_id, row.site_id, row.asset_id)
            told_id = f"{quote(rule.rule_id, safe='')}/{key.decode()}/{row.parameter or '-'}/{change.number}"
            out.send(Topic.ALARMS_RAW, key, encode(condition), now_ms, [(ID_HEADER, told_id.encode())])


def _with(row: RuleOnSeries, condition: StateCondition) -> RuleOnSeries:
    return RuleOnSeries(row.tenant_id, row.site_id, row.asset_id, row.parameter, row.rule_id, condition)


def _message(rule: ConditionRule, row: RuleOnSeries, change: Change) -> str:
    values = {
        "asset": row.asset_id,
        "parameter": row.parameter or rule.event_type,
        "type": rule.type,
        "threshold": rule.state_is or rule.state_is_not or rule.state_to or rule.state_from or "",
        "unit": "",
        "value": change.state or "",
    }
    # one pass, so that braces in a device's text are never read as placeholders; {{ and }} stand for braces
    text = _BRACED.sub(lambda found: found[0][0] if found[1] is None else values.get(found[1], found[0]), rule.message)
    return text.strip()
