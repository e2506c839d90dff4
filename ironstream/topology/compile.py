"""From a checked topology to what the stages ask: the rules of a series, who is admitted, the rules of events."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from math import inf

from msgspec.structs import astuple

from ironstream.contract import SeriesId
from ironstream.domain.events import state_text
from ironstream.domain.rules import ConditionKind, ConditionRule, SeriesRules, TimeRules, WindowSize
from ironstream.topology.model import Alarm, Pipeline, Topology
from ironstream.topology.patterns import AlarmIndex
from ironstream.topology.resolve import DeclaredAsset, DeclaredParameter, declared_assets


class CompiledTopology:
    """One version of the topology, ready to be asked. Immutable to its users; one process shares one object.

    `windows` ascend by size; `tenants` is empty when none is declared, and then every tenant is admitted.
    """

    def __init__(self, topology: Topology, version: int = 0) -> None:
        self.topology = topology
        self.version = version
        self.windows: tuple[WindowSize, ...] = tuple(
            sorted(
                (
                    WindowSize(_us(window.size_s), _us(window.grace_s), _us(window.late_retention_s))
                    for window in topology.windows
                ),
                key=lambda window: window.size_us,
            )
        )
        self.unregistered_accepted: bool = topology.unregistered == "accept"
        self.tenants: frozenset[str] = frozenset(tenant.id for tenant in topology.tenants)
        self.pipelines: tuple[Pipeline, ...] = topology.pipelines
        times = topology.times
        self.times = TimeRules(
            skew_suspect_us=_us(times.skew_suspect_s),
            skew_event_us=_us(times.skew_event_s),
            future_us=_us(times.max_future_s),
            past_us=_us(times.max_past_s),
        )
        self._assets = declared_assets(topology)
        self._site_names = {(site.tenant, site.id): site.name or site.id for site in topology.sites}
        enabled = [alarm for alarm in topology.alarms if alarm.enabled]
        self._rules = AlarmIndex((alarm, condition_rule(alarm)) for alarm in enabled if alarm.on != "event")
        self._event_rules = AlarmIndex((alarm, condition_rule(alarm)) for alarm in enabled if alarm.on == "event")
        self._all_sizes = tuple(window.size_us for window in self.windows)
        self._declared: dict[tuple[str, str, str, str], SeriesRules] = {}

    def series(self, tenant: str, site: str, asset: str, parameter: str) -> SeriesRules:
        """The rules of any series. One that is not declared gets the defaults, and the alarms that match it.

        `registered` tells whether the asset is declared; its parameters may be fewer than its device sends.
        """
        identity = (tenant, site, asset, parameter)
        known = self._declared.get(identity)
        if known is not None:
            return known
        declared = self._assets.get((tenant, site, asset))
        rules = self._compile(identity, declared)
        # only what is declared is kept: names that devices make up must not fill the memory
        if declared is not None and parameter in declared.parameters:
            self._declared[identity] = rules
        return rules

    def admits(self, tenant: str, site: str, asset: str) -> str | None:
        """None when the asset's records are taken, else the reason for the DLQ: `unknown_tenant`, `unregistered`."""
        if self.tenants and tenant not in self.tenants:
            return "unknown_tenant"
        if not self.unregistered_accepted and (tenant, site, asset) not in self._assets:
            return "unregistered"
        return None

    def event_rules(self, tenant: str, site: str, asset: str) -> tuple[ConditionRule, ...]:
        """The alarm rules on events of an asset, in the order of the file."""
        return tuple(self._event_rules.matching(tenant, site, asset, None))

    def declared_series(self) -> list[SeriesId]:
        """Every declared parameter of every declared asset, in the order of the file."""
        return [SeriesId(*asset.key, name) for asset in self._assets.values() for name in asset.parameters]

    @cached_property
    def watched_series(self) -> list[SeriesId]:
        """The declared series whose silence raises an alarm; found once, whoever asks."""
        return [
            series
            for series in self.declared_series()
            if any(rule.kind == "no_data" for rule in self.series(*astuple(series)).conditions)
        ]

    def _compile(self, identity: tuple[str, str, str, str], declared: DeclaredAsset | None) -> SeriesRules:
        tenant, site, asset, name = identity
        parameter = declared.parameters.get(name) if declared is not None else None
        windows = self._all_sizes if parameter is None else tuple(_us(size) for size in parameter.windows_s)
        conditions = tuple(
            rule
            for rule in self._rules.matching(tenant, site, asset, name)
            if rule.on != "aggregate" or rule.aggregate_size_us in windows
        )
        if declared is None:
            return SeriesRules(windows=windows, conditions=conditions, times=self.times)
        return _declared_rules(
            declared, parameter, windows, conditions, self.times, self._site_names.get((tenant, site))
        )


def compile_topology(topology: Topology, version: int = 0) -> CompiledTopology:
    """Compile a topology that was checked. `version` is its number in the log of topologies; 0: from a file."""
    return CompiledTopology(topology, version)


def condition_rule(alarm: Alarm) -> ConditionRule:
    """The rule that the stages evaluate for an alarm: times in µs, the deadband in the parameter's unit."""
    condition = alarm.condition
    kind: ConditionKind
    low, high, hold_s = -inf, inf, 0.0
    if condition.above is not None:
        kind, high = "above", condition.above
    elif condition.below is not None:
        kind, low = "below", condition.below
    elif condition.outside is not None:
        kind, (low, high) = "outside", condition.outside
    elif condition.inside is not None:
        kind, (low, high) = "inside", condition.inside
    elif condition.rate_of_change is not None:
        kind, high = "rate_of_change", condition.rate_of_change
    elif condition.no_data_s is not None:
        kind, hold_s = "no_data", condition.no_data_s
    elif condition.quality_bad_s is not None:
        kind, hold_s = "quality", condition.quality_bad_s
    else:
        kind = "state"
    state, aggregate = condition.state, alarm.aggregate
    return ConditionRule(
        rule_id=alarm.id,
        kind=kind,
        type=alarm.type,
        severity=alarm.severity,
        message=alarm.message,
        low=float(low),
        high=float(high),
        deadband=condition.deadband_absolute,
        for_us=_us(hold_s),
        on_delay_us=_us(alarm.on_delay_s),
        off_delay_us=_us(alarm.off_delay_s),
        latched=alarm.latched,
        on=alarm.on,
        aggregate_size_us=_us(aggregate.size_s) if aggregate else 0,
        aggregate_field=aggregate.field if aggregate else "",
        event_type=state.event if state else "",
        state_from=state_text(state.from_) if state else None,
        state_to=state_text(state.to) if state else None,
        state_is=state_text(state.is_) if state else None,
        state_is_not=state_text(state.is_not) if state else None,
    )


def _declared_rules(
    asset: DeclaredAsset,
    parameter: DeclaredParameter | None,
    windows: tuple[int, ...],
    conditions: Iterable[ConditionRule],
    times: TimeRules,
    site_name: str | None,
) -> SeriesRules:
    spec = parameter.spec if parameter is not None else None
    limits = spec.range if spec is not None else None
    return SeriesRules(
        registered=True,
        unit=spec.unit if spec else None,
        expected_interval_us=_us(parameter.expected_interval_s) if parameter else 0,
        minimum=_or(limits.min if limits else None, -inf),
        maximum=_or(limits.max if limits else None, inf),
        range_is_bad=limits is None or limits.action == "bad",
        max_rate=_or(spec.max_rate if spec else None, inf),
        max_step=_or(spec.max_step if spec else None, inf),
        stuck_after_us=_us(spec.stuck_after_s) if spec else 0,
        max_rate_per_s=asset.max_readings_per_s,
        windows=windows,
        conditions=tuple(conditions),
        times=times,
        site_name=site_name,
        machine_type=asset.machine_type,
        canonical_name=(spec.canonical_name or None) if spec else None,
    )


def _or(value: float | None, default: float) -> float:
    return default if value is None else float(value)


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
