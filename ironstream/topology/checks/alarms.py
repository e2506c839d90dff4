"""Checks of alarm rules: each by itself, then against the series that it matches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from string import Formatter

from ironstream.topology.checks.report import Path, Report
from ironstream.topology.faults import did_you_mean, quote
from ironstream.topology.model import AGGREGATE_FIELDS, PLACEHOLDERS, Alarm, Topology
from ironstream.topology.model.alarms import THRESHOLD_KINDS
from ironstream.topology.patterns import IdentityPattern, is_name
from ironstream.topology.resolve import AssetKey, DeclaredAsset, DeclaredParameter

_Series = tuple[str, DeclaredParameter]
"""Name for messages, parameter"""


def check_alarms(topology: Topology, assets: Mapping[AssetKey, DeclaredAsset], whole: bool, report: Report) -> None:
    """Note every rule that cannot work. `whole`: no asset is missing because of other faults."""
    sizes = {window.size_s for window in topology.windows}
    by_name: dict[str, list[DeclaredAsset]] = {}
    for asset in assets.values():
        by_name.setdefault(asset.key[2], []).append(asset)
    for index, alarm in enumerate(topology.alarms):
        path = ("alarms", index)
        _source(path, alarm, sizes, report)
        _condition((*path, "condition"), alarm, report)
        _message((*path, "message"), alarm.message, report)
        if alarm.enabled and assets:
            candidates = by_name.get(alarm.asset, []) if is_name(alarm.asset) else assets.values()
            pattern = IdentityPattern(alarm)
            matching = pattern.matching_assets(candidates, lambda asset: asset.key)
            series = list(_series(pattern, matching))
            if whole and not (matching if alarm.on == "event" else series):
                _no_match(path, alarm, assets, report)
            if alarm.on != "event":
                _matched(path, alarm, series, sizes, report)


def _source(path: Path, alarm: Alarm, sizes: set[int], report: Report) -> None:
    kind = alarm.condition.kind
    if kind == "state" and alarm.on != "event":
        report.error((*path, "condition", "state"), "a state is told by events, not by readings", "add `on: event`")
    elif alarm.on == "event" and kind != "state":
        mend = "use `state: {event: …, is: …}`, or remove `on: event`"
        report.error((*path, "on"), f"events have no value that a condition {kind} could look at", mend)
    elif alarm.on == "aggregate" and kind in ("no_data_s", "quality_bad_s"):
        report.error((*path, "on"), f"{kind} looks at readings, not at aggregates", "remove `on: aggregate`")
    if alarm.on == "event" and alarm.parameter != "*":
        mend = "remove `parameter`; the type of the event is in `state`"
        report.error((*path, "parameter"), "events are matched by asset, not by parameter", mend)
    aggregate = alarm.aggregate
    if aggregate is None:
        if alarm.on == "aggregate":
            report.error((*path, "on"), "it does not say which aggregate", "add `aggregate: {size_s: 10, field: avg}`")
        return
    if alarm.on != "aggregate":
        mend = "add `on: aggregate`, or remove `aggregate`"
        report.error((*path, "aggregate"), f"an aggregate is given, but the rule is on {alarm.on}s", mend)
    if aggregate.size_s not in sizes:
        mend = f"use one of {', '.join(str(size) for size in sorted(sizes))}, or declare it under windows"
        report.error((*path, "aggregate", "size_s"), f"there is no window of {aggregate.size_s} s", mend)
    if aggregate.field not in AGGREGATE_FIELDS:
        mend = did_you_mean(aggregate.field, AGGREGATE_FIELDS) or f"use one of {', '.join(AGGREGATE_FIELDS)}"
        report.error((*path, "aggregate", "field"), f"an aggregate has no field {quote(aggregate.field)}", mend)


def _condition(path: Path, alarm: Alarm, report: Report) -> None:
    condition = alarm.condition
    bounds = condition.outside or condition.inside
    if bounds is not None:
        low, high = bounds
        if low >= high:
            message = f"the first value ({low:g}) is not below the second ({high:g})"
            report.error((*path, condition.kind), message, "write the lower value first")
        elif condition.deadband_absolute >= high - low:
            message = f"deadband ({condition.deadband_absolute:g}) is not less than the span ({high - low:g})"
            report.error((*path, "deadband"), message, "make it smaller: the alarm could never clear")
        elif condition.outside is not None and 2 * condition.deadband_absolute >= high - low:
            message = f"two deadbands ({condition.deadband_absolute:g} each) fill the span ({high - low:g})"
            report.error((*path, "deadband"), message, "make it less than half the span: the alarm could never clear")
    rate = condition.rate_of_change
    if rate is not None and condition.deadband_absolute >= rate:
        message = f"deadband ({condition.deadband_absolute:g}) is not less than the rate ({rate:g})"
        report.warning((*path, "deadband"), message, "make it smaller: no rate is low enough for the alarm to clear")
    if "deadband" in condition.model_fields_set and condition.kind not in THRESHOLD_KINDS:
        message = f"a condition {condition.kind} has no threshold that a deadband could belong to"
        report.error((*path, "deadband"), message, "remove it; delays are on_delay_s and off_delay_s")


def _message(path: Path, template: str, report: Report) -> None:
    allowed = "{" + "}, {".join(PLACEHOLDERS) + "}"
    try:
        parts = list(Formatter().parse(template))
    except ValueError as err:
        report.error(
            path, f"the message is no template: {err}", "close each brace; write `{{` and `}}` for a brace itself"
        )
        return
    for _, name, form, conversion in parts:
        if name is None:
            continue
        if name not in PLACEHOLDERS:
            mend = did_you_mean(name, PLACEHOLDERS) or f"use {allowed}; write `{{{{` for a brace itself"
            report.error(path, f"the message has an unknown placeholder {quote(name)}", mend)
        elif form or conversion:
            report.error(path, f"placeholder {quote(name)} has a format", f"write {{{name}}}: values come rounded")


def _matched(path: Path, alarm: Alarm, series: Sequence[_Series], sizes: set[int], report: Report) -> None:
    if series and alarm.on == "aggregate" and alarm.aggregate is not None and alarm.aggregate.size_s in sizes:
        _aggregate_size((*path, "aggregate", "size_s"), alarm.aggregate.size_s, series, report)
    for name, parameter in series:
        _against(path, alarm, name, parameter, report)


def _series(pattern: IdentityPattern, assets: Iterable[DeclaredAsset]) -> Iterator[_Series]:
    """The matched series of matched assets; of those that share one declaration the first."""
    seen: set[int] = set()
    for asset in assets:
        for name, parameter in asset.parameters.items():
            if id(parameter) not in seen and pattern.matches_parameter(name):
                seen.add(id(parameter))
                yield f"{asset.key[2]}/{name}", parameter


def _no_match(path: Path, alarm: Alarm, assets: Mapping[AssetKey, DeclaredAsset], report: Report) -> None:
    what = "asset" if alarm.on == "event" else "series"
    identity = "/".join((alarm.tenant, alarm.site, alarm.asset, *([] if alarm.on == "event" else [alarm.parameter])))
    hint = "" if report.crowded else did_you_mean(alarm.asset, {key[2] for key in assets} - {alarm.asset})
    if not hint and not report.crowded:
        hint = did_you_mean(alarm.parameter, {name for asset in assets.values() for name in asset.parameters})
    report.warning(
        path, f"the rule matches no declared {what} ({identity})", hint or "correct its patterns or declare it"
    )


def _aggregate_size(path: Path, size: int, series: Sequence[_Series], report: Report) -> None:
    lacking = [(name, parameter) for name, parameter in series if size not in parameter.windows_s]
    if not lacking:
        return
    name, parameter = lacking[0]
    sizes = ", ".join(str(own) for own in parameter.windows_s) or "none"
    message = f"{name} gets no window of {size} s (it gets {sizes})"
    mend = "use a size that it gets, or name the sizes in windows_s of the parameter"
    if len(lacking) == len(series):
        report.error(path, message, mend)
    else:
        report.warning(path, message, mend + ", or narrow the patterns")


def _against(path: Path, alarm: Alarm, name: str, parameter: DeclaredParameter, report: Report) -> None:
    condition, interval = alarm.condition, parameter.expected_interval_s
    if condition.no_data_s is not None and condition.no_data_s < 2 * interval:
        message = f"no_data_s ({condition.no_data_s:g}) is less than twice the interval of {name} ({interval:g} s)"
        report.warning(
            (*path, "condition", "no_data_s"), message, f"one late reading raises it: use {2 * interval:g} or more"
        )
    limits = parameter.spec.range
    if limits is None or alarm.on != "reading":
        return
    if limits.min is not None and limits.max is not None and condition.kind in ("above", "below"):
        span = limits.max - limits.min
        if 0 < span <= condition.deadband_absolute:
            message = f"deadband ({condition.deadband_absolute:g}) is not less than the range of {name} ({span:g})"
            report.error((*path, "condition", "deadband"), message, "make it smaller: the alarm could never clear")
            return
    if limits.action == "bad":
        _never_clears((*path, "condition"), alarm, name, limits.min, limits.max, report)
        _out_of_range((*path, "condition"), alarm, name, limits.min, limits.max, report)


def _never_clears(path: Path, alarm: Alarm, name: str, low: float | None, high: float | None, report: Report) -> None:
    """BAD readings reach no condition, so what clears only beyond the range never does."""
    condition = alarm.condition
    deadband = condition.deadband_absolute
    mend = "make the deadband smaller: the alarm could never clear"
    if condition.above is not None and low is not None and condition.above - deadband < low < condition.above:
        message = f"{name} would clear below {condition.above - deadband:g}, where its range makes readings bad"
        report.warning((*path, "deadband"), message, mend)
    if condition.below is not None and high is not None and condition.below < high < condition.below + deadband:
        message = f"{name} would clear above {condition.below + deadband:g}, where its range makes readings bad"
        report.warning((*path, "deadband"), message, mend)


def _out_of_range(path: Path, alarm: Alarm, name: str, low: float | None, high: float | None, report: Report) -> None:
    """BAD readings reach no condition, so a threshold beyond the range is never passed."""
    condition = alarm.condition
    mend = "move the threshold into the range, or set the range's action to suspect"
    if condition.above is not None and high is not None and condition.above >= high:
        message = f"{name} is never above {condition.above:g}: from {high:g} on its range makes readings bad"
        report.warning((*path, "above"), message, mend)
    if condition.below is not None and low is not None and condition.below <= low:
        message = f"{name} is never below {condition.below:g}: from {low:g} down its range makes readings bad"
        report.warning((*path, "below"), message, mend)
