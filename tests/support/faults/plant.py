"""The plant of the fault tests: its rules in numbers, and the same as a topology.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Final

from tests.support.oracle.rules import Condition, Rules, SeriesRule, Size

SITE: Final = "works"
PARAMETERS: Final = ("temperature", "pressure", "level", "flow")
SIZES: Final = (Size(1, 1, 5), Size(10, 2, 36_000))
_WINDOWS: Final = tuple(size.size_s for size in SIZES)
READINGS_PER_S: Final = 70
"""Limit of the assets that have one."""


@dataclass(frozen=True)
class AlarmRule:
    """An alarm rule of the plant, on the series of one parameter."""

    parameter: str
    condition: Condition
    latched: bool = False


@dataclass(frozen=True)
class EventRule:
    """An alarm rule on the events of one type: in a state (`to`), or after a change into it (`since`)."""

    name: str
    event: str
    to: str
    since: str | None = None
    on_delay_s: float = 0
    off_delay_s: float = 0
    latched: bool = False


ALARMS: Final = (
    AlarmRule("temperature", Condition("hot", high=90, deadband=3), latched=True),
    AlarmRule("pressure", Condition("surge", high=10, deadband=1, on_delay_s=0.7, off_delay_s=1.5)),
    AlarmRule("pressure", Condition("jump", "rate_of_change", high=25)),
    AlarmRule("level", Condition("dry", low=20, deadband=2, size_s=1)),
    AlarmRule("flow", Condition("silent", "no_data", for_s=3)),
    AlarmRule("flow", Condition("dead", "quality", for_s=0.4)),
)
EVENT_ALARMS: Final = (
    EventRule("stopped", "status", to="stopped", on_delay_s=1, off_delay_s=0.5),
    EventRule("tripped", "mode", to="tripped", since="auto", latched=True),
)


def of_parameter(parameter: str) -> SeriesRule:
    """What is declared of a parameter."""
    conditions = tuple(alarm.condition for alarm in ALARMS if alarm.parameter == parameter)
    return {
        "temperature": SeriesRule(
            "degC",
            {"degF": lambda value: (value - 32) * 5 / 9},
            low=0,
            high=200,
            conditions=conditions,
            sizes_s=_WINDOWS,
        ),
        "pressure": SeriesRule(
            interval_s=0.5, low=0, high=11.8, range_is_bad=False, conditions=conditions, sizes_s=_WINDOWS
        ),
        "level": SeriesRule(max_step=25, stuck_s=2, conditions=conditions, sizes_s=_WINDOWS),
        "flow": SeriesRule(max_rate=60, conditions=conditions, sizes_s=_WINDOWS),
    }[parameter]


def is_limited(number: int) -> bool:
    """Whether an asset has a limit of readings per second; these are the ones that babble."""
    return number % 5 == 1


def rules(assets: int) -> Rules:
    """The rules as an oracle needs them."""
    named = {number: f"default/{SITE}/{asset_name(number)}" for number in range(assets)}
    series = {f"{name}/{parameter}": of_parameter(parameter) for name in named.values() for parameter in PARAMETERS}
    return Rules(SIZES, series, {name: READINGS_PER_S for number, name in named.items() if is_limited(number)})


def topology_yaml(assets: int) -> str:
    """The plant as a topology.yaml."""
    lines = ["version: 1", "windows:"]
    lines += [
        f"  - {{size_s: {one.size_s}, grace_s: {one.grace_s}, late_retention_s: {one.late_retention_s}}}"
        for one in SIZES
    ]
    lines += [f"sites: [{{id: {SITE}}}]", "assets:"]
    for number in range(assets):
        lines += [f"  - id: {asset_name(number)}", f"    site: {SITE}"]
        lines += [f"    max_readings_per_s: {READINGS_PER_S}"] * is_limited(number)
        lines += ["    parameters:", *(_parameter(name) for name in PARAMETERS)]
    lines.append("alarms:")
    for alarm in ALARMS:
        lines += _alarm(alarm)
    for rule in EVENT_ALARMS:
        since = f", from: {rule.since}, to: {rule.to}" if rule.since else f", is: {rule.to}"
        lines += _rule(rule.name, f"state: {{event: {rule.event}{since}}}", rule.on_delay_s, rule.off_delay_s)
        lines += ["    on: event", f"    latched: {str(rule.latched).lower()}"]
    return "\n".join(lines) + "\n"


def _parameter(name: str) -> str:
    rule = of_parameter(name)
    said = [f"name: {name}", f"windows_s: [{', '.join(map(str, _WINDOWS))}]"]
    if rule.unit:
        said.append(f"unit: {rule.unit}")
    if rule.interval_s:
        said.append(f"expected_interval_s: {rule.interval_s:g}")
    if rule.high < inf:
        said.append(
            f"range: {{min: {rule.low:g}, max: {rule.high:g}, action: {'bad' if rule.range_is_bad else 'suspect'}}}"
        )
    said += [f"max_rate: {rule.max_rate:g}"] * (rule.max_rate < inf)
    said += [f"max_step: {rule.max_step:g}"] * (rule.max_step < inf)
    said += [f"stuck_after_s: {rule.stuck_s:g}"] * (rule.stuck_s > 0)
    return f"      - {{{', '.join(said)}}}"


def _alarm(alarm: AlarmRule) -> list[str]:
    rule = alarm.condition
    bound = f"above: {rule.high:g}" if rule.high < inf else f"below: {rule.low:g}"
    condition = {
        "value": f"{bound}, deadband: {rule.deadband:g}",
        "rate_of_change": f"rate_of_change: {rule.high:g}",
        "no_data": f"no_data_s: {rule.for_s:g}",
        "quality": f"quality_bad_s: {rule.for_s:g}",
    }[rule.kind]
    lines = _rule(rule.name, condition, rule.on_delay_s, rule.off_delay_s)
    lines += [f"    parameter: {alarm.parameter}", f"    latched: {str(alarm.latched).lower()}"]
    if rule.size_s:
        lines += ["    on: aggregate", f"    aggregate: {{size_s: {rule.size_s}, field: avg}}"]
    return lines


def _rule(name: str, condition: str, on_delay_s: float, off_delay_s: float) -> list[str]:
    lines = [f"  - id: {name}", f"    type: {name}", "    severity: HIGH", f"    condition: {{{condition}}}"]
    lines += [f"    on_delay_s: {on_delay_s:g}"] * (on_delay_s > 0)
    lines += [f"    off_delay_s: {off_delay_s:g}"] * (off_delay_s > 0)
    return lines


def asset_name(number: int) -> str:
    """Id of an asset."""
    return f"machine-{number:03d}"


def alarm_id(asset: str, rule: str, parameter: str) -> str:
    """Id that the product gives to the alarm of a rule (its documented form); `parameter` is - for one on events."""
    return f"default/{SITE}/{asset}/{rule}/rule:{rule}/{parameter}"
