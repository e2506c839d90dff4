"""The alarms that there are: as of the agents' last commits, and as alarms.clean has told since."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal
from urllib.parse import unquote

from ironstream.contract import AlarmState, AlarmTransition, Evidence, Severity
from ironstream.domain.alarms import Alarm, Suppression
from ironstream.domain.times import to_iso, to_us
from ironstream.engine.changelog import Row
from ironstream.errors import DecodeError
from ironstream.web.occurrences import Occurrences
from tables.alarms import ALARMS, SUPPRESSIONS

STANDING: Final = frozenset({AlarmState.ACTIVE, AlarmState.ACKNOWLEDGED, AlarmState.CLEARED_UNACKED})
"""What somebody has to know of; SUPPRESSED is known, and set aside."""
UNACKED: Final = frozenset({AlarmState.ACTIVE, AlarmState.CLEARED_UNACKED})
HeldBy = Literal["alarm", "asset"]
"""What holds a SUPPRESSED alarm longest: a shelving of its own, or the suppression of its asset."""
Place = tuple[bool, int, int, str]
_ACTIVE: Final = frozenset({AlarmState.ACTIVE, AlarmState.ACKNOWLEDGED})


@dataclass(frozen=True, slots=True)
class Told:
    """An alarm with its latest occurrence, as the newest of table and journal says it. Times are ISO-8601."""

    alarm_id: str
    occurrence_id: str
    transition: int
    state: AlarmState
    severity: Severity
    tenant_id: str
    site_id: str
    asset_id: str
    parameter: str | None
    type: str
    source: str
    count: int
    raised_us: int
    acked_at: str | None
    acked_by: str | None
    cleared_at: str | None
    shelved_until: str | None
    shelved_by: HeldBy | None
    message: str
    value: float | str | bool | None
    threshold: float | None
    unit: str | None
    evidence: Evidence

    @property
    def asset(self) -> str:
        """tenant/site/asset"""
        return f"{self.tenant_id}/{self.site_id}/{self.asset_id}"

    @property
    def order(self) -> Place:
        """The place in a list: what stands first, the gravest first, the newest first."""
        return self.state == AlarmState.CLEARED, -self.severity, -self.raised_us, self.alarm_id


@dataclass(frozen=True, slots=True)
class Counts:
    """How many alarms: with their condition true, not acknowledged, and standing by severity."""

    active: int
    unacked: int
    by_severity: dict[str, int]


class AlarmIndex:
    """Alarms by id, by asset, and in the order of a list."""

    def __init__(self) -> None:
        self._told: dict[str, Told] = {}
        self._of_asset: dict[str, dict[str, Told]] = {}
        self._ordered: list[Told] | None = None
        self._shelves: dict[str, int] = {}
        """Until when alarms have shelves of their own (ms), as of the last commits; of assets their suppressions."""
        self._suppressed: dict[str, int] = {}
        self._occurrences: dict[str, Occurrences[Told]] = {}

    def __len__(self) -> int:
        return len(self._told)

    def take(self, changed: Iterable[tuple[int, Row]]) -> None:
        """Take rows that became final."""
        for _, (key, value) in changed:
            if key.startswith(ALARMS.prefix):
                if value is None:
                    self._remove(ALARMS.name_of(key))
                else:
                    self._take(ALARMS.unpack(value))
            elif key.startswith(SUPPRESSIONS.prefix):
                self._suppress(SUPPRESSIONS.name_of(key), None if value is None else SUPPRESSIONS.unpack(value))

    def tell(self, entry: AlarmTransition) -> Told:
        """Take an entry of the journal; the alarm as it is then. Raises DecodeError for one that makes no sense."""
        try:
            told = _of_entry(entry)
        except (ValueError, KeyError) as error:
            raise DecodeError("value", f"no entry of the journal: {error}") from error
        self._put(told, journal=True)
        return self._told[told.alarm_id]

    def get(self, alarm_id: str) -> Told | None:
        """One alarm."""
        return self._told.get(alarm_id)

    def of_asset(self, asset: str) -> Iterator[Told]:
        """The alarms of tenant/site/asset."""
        return iter(self._of_asset.get(asset, {}).values())

    def ordered(self) -> list[Told]:
        """All of them: what stands first, the gravest first."""
        if self._ordered is None:
            self._ordered = sorted(self._told.values(), key=lambda one: one.order)
        return self._ordered

    def _suppress(self, asset: str, suppression: Suppression | None) -> None:
        self._suppressed.pop(asset, None)
        if suppression is not None:
            self._suppressed[asset] = suppression.until_ms
        for told in list(self.of_asset(asset)):
            # what the journal alone says yet is newer than this row
            if told.shelved_by is not None or told.shelved_until is None:
                self._keep(self._held(told))

    def _take(self, alarm: Alarm) -> None:
        told = _of_row(alarm)
        self._shelves.pop(told.alarm_id, None)
        if alarm.shelf is not None:
            self._shelves[told.alarm_id] = alarm.shelf.until_ms
        self._put(self._held(told), journal=False)

    def _held(self, told: Told) -> Told:
        """An alarm with what holds it SUPPRESSED as of the last commits: whichever lasts longer."""
        if told.state != AlarmState.SUPPRESSED:
            return told
        own_ms, asset_ms = self._shelves.get(told.alarm_id, -1), self._suppressed.get(told.asset, -1)
        if max(own_ms, asset_ms) < 0:
            # only the journal knows of it yet
            return told
        by: HeldBy = "alarm" if own_ms >= asset_ms else "asset"
        return replace(told, shelved_until=to_iso(max(own_ms, asset_ms) * 1000), shelved_by=by)

    def _put(self, told: Told, *, journal: bool) -> None:
        before = self._told.get(told.alarm_id)
        latest = self._occurrences.setdefault(told.alarm_id, Occurrences()).add(told, journal=journal)
        if before is None or latest is told or latest.occurrence_id != before.occurrence_id:
            self._keep(latest)

    def _keep(self, told: Told) -> None:
        self._told[told.alarm_id] = told
        self._of_asset.setdefault(told.asset, {})[told.alarm_id] = told
        self._ordered = None

    def _remove(self, alarm_id: str) -> None:
        self._shelves.pop(alarm_id, None)
        told = self._told.pop(alarm_id, None)
        if told is not None:
            del self._occurrences[alarm_id]
            of_asset = self._of_asset[told.asset]
            del of_asset[alarm_id]
            if not of_asset:
                # assets come and go as well
                del self._of_asset[told.asset]
            self._ordered = None


def counts_of(alarms: Iterable[Told]) -> Counts:
    """What there is to know of some alarms."""
    states: Counter[AlarmState] = Counter()
    severities: Counter[Severity] = Counter()
    for one in alarms:
        states[one.state] += 1
        if one.state in STANDING:
            severities[one.severity] += 1
    return Counts(
        sum(states[state] for state in _ACTIVE),
        sum(states[state] for state in UNACKED),
        {severity.name: severities[severity] for severity in reversed(Severity)},
    )


def _of_row(alarm: Alarm) -> Told:
    key, cause = alarm.key, alarm.cause
    return Told(
        alarm_id=key.alarm_id,
        occurrence_id=alarm.occurrence_id,
        transition=alarm.transition,
        state=AlarmState(alarm.state),
        severity=Severity(alarm.severity),
        tenant_id=key.tenant_id,
        site_id=key.site_id,
        asset_id=key.asset_id,
        parameter=key.parameter,
        type=key.type,
        source=key.source,
        count=alarm.count,
        raised_us=alarm.raised_us,
        acked_at=None if alarm.acked_us is None else to_iso(alarm.acked_us),
        acked_by=alarm.acked_by,
        cleared_at=None if alarm.cleared_us is None else to_iso(alarm.cleared_us),
        shelved_until=None,
        shelved_by=None,
        message=alarm.message,
        value=alarm.value,
        threshold=alarm.threshold,
        unit=alarm.unit,
        evidence=Evidence(cause.topic, cause.partition, cause.offset, cause.rule_id, cause.topology_version),
    )


def _of_entry(entry: AlarmTransition) -> Told:
    state = AlarmState(entry.state)
    return Told(
        alarm_id=entry.alarm_id,
        occurrence_id=entry.occurrence_id,
        transition=entry.transition,
        state=state,
        severity=Severity[entry.severity],
        tenant_id=entry.tenant_id,
        site_id=entry.site_id,
        asset_id=entry.asset_id,
        parameter=entry.parameter,
        type=entry.type,
        source=unquote(entry.alarm_id.split("/")[4]) if entry.alarm_id.count("/") > 4 else "",
        count=entry.count,
        raised_us=to_us(entry.raised_at),
        acked_at=entry.acked_at,
        acked_by=entry.acked_by,
        cleared_at=entry.cleared_at,
        shelved_until=entry.until if state == AlarmState.SUPPRESSED else None,
        shelved_by=None,
        message=entry.message,
        value=entry.value,
        threshold=entry.threshold,
        unit=entry.unit,
        evidence=entry.evidence,
    )
