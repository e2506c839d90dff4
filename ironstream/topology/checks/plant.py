"""Checks of times, windows, parameters, units and rates."""

from __future__ import annotations

from collections.abc import Mapping

from ironstream.topology import units
from ironstream.topology.checks.report import Path, Report
from ironstream.topology.faults import did_you_mean, quote
from ironstream.topology.model import Parameter, Topology
from ironstream.topology.resolve import AssetKey, DeclaredAsset, DeliveredTags


def check_plant(
    topology: Topology, assets: Mapping[AssetKey, DeclaredAsset], delivered: DeliveredTags, report: Report
) -> None:
    """Note every value that cannot work, or that contradicts another."""
    times = topology.times
    if times.skew_event_s < times.skew_suspect_s:
        message = f"skew_event_s ({times.skew_event_s:g}) is less than skew_suspect_s ({times.skew_suspect_s:g})"
        report.error(
            ("times", "skew_event_s"), message, "make it at least as long: an event tells of more than suspicion"
        )
    _windows(topology, report)
    sizes = frozenset(window.size_s for window in topology.windows)
    for index, machine_type in enumerate(topology.machine_types):
        for place, parameter in enumerate(machine_type.parameters):
            _parameter(("machine_types", index, "parameters", place), parameter, sizes, report)
    for index, asset in enumerate(topology.assets):
        for place, parameter in enumerate(asset.parameters):
            _parameter(("assets", index, "parameters", place), parameter, sizes, report)
    _effective(topology, assets, report)
    _pipelines(topology, assets, delivered, report)


def _windows(topology: Topology, report: Report) -> None:
    windows = topology.windows
    for index, window in enumerate(windows):
        path = ("windows", index)
        if window.late_retention_s < window.size_s:
            message = f"late_retention_s ({window.late_retention_s:g}) is less than the window's size ({window.size_s})"
            report.error((*path, "late_retention_s"), message, f"make it at least {window.size_s}")
        if index == 0:
            continue
        finer = windows[index - 1]
        if window.size_s <= finer.size_s:
            message = f"window of {window.size_s} s comes after one of {finer.size_s} s"
            report.error((*path, "size_s"), message, "give each size once, shortest first")
        elif window.size_s % finer.size_s:
            message = f"window of {window.size_s} s is no multiple of the next shorter one, {finer.size_s} s"
            fitting = (window.size_s // finer.size_s) * finer.size_s
            mend = f"use {fitting} or {fitting + finer.size_s}: each window is made of whole shorter ones"
            report.error((*path, "size_s"), message, mend)
        if window.grace_s < finer.grace_s:
            message = f"grace_s ({window.grace_s:g}) is less than that of the shorter window ({finer.grace_s:g})"
            report.error(
                (*path, "grace_s"), message, f"make it at least {finer.grace_s:g}: it is made of the shorter ones"
            )


def _parameter(path: Path, parameter: Parameter, sizes: frozenset[int], report: Report) -> None:
    _unit((*path, "unit"), parameter.unit, report)
    for place, size in enumerate(parameter.windows_s or ()):
        if size not in sizes:
            declared = ", ".join(str(known) for known in sorted(sizes))
            mend = f"use one of {declared}, or declare it under windows"
            report.error((*path, "windows_s", place), f"there is no window of {size} s", mend)
    if parameter.windows_s and len(set(parameter.windows_s)) != len(parameter.windows_s):
        report.error((*path, "windows_s"), "a window size is given twice", "give each size once")


def _unit(path: Path, unit: str | None, report: Report) -> None:
    if unit is not None and not units.is_known(unit):
        mend = did_you_mean(unit, units.known_units()) or "use a unit that can be converted, or leave `unit` out"
        report.error(path, f"unit {quote(unit)} is not known", mend)


def _effective(topology: Topology, assets: Mapping[AssetKey, DeclaredAsset], report: Report) -> None:
    """What only shows once an asset's own fields are over those of its machine type."""
    types = {machine_type.id: (index, machine_type) for index, machine_type in enumerate(topology.machine_types)}
    done: set[int] = set()
    for index, asset in enumerate(topology.assets):
        declared = assets[asset.tenant, asset.site, asset.id]
        type_index, machine_type = types.get(asset.machine_type or "", (0, None))
        expected = 0.0
        for name, parameter in declared.parameters.items():
            interval = parameter.expected_interval_s
            expected += 1 / interval if interval else 0.0
            if id(parameter) in done:
                continue
            done.add(id(parameter))
            own = next((place for place, spec in enumerate(asset.parameters) if spec.name == name), None)
            inherited = (
                next((place for place, spec in enumerate(machine_type.parameters) if spec.name == name), None)
                if machine_type
                else None
            )
            path: Path
            if own is not None:
                path = ("assets", index, "parameters", own)
            else:
                path = ("machine_types", type_index, "parameters", inherited or 0)
            if machine_type and own is not None and inherited is not None:
                _override((*path, "unit"), machine_type.parameters[inherited].unit, parameter.spec.unit, report)
            _range((*path, "range"), parameter.spec, report)
            for size in parameter.spec.windows_s or ():
                mend = f"use sizes from {2 * interval:g} s up"
                if size < interval:
                    message = f"windows of {size} s are shorter than the expected interval of {name}, {interval:g} s"
                    report.warning((*path, "windows_s"), message, f"most stay empty: {mend}")
                elif interval < size < 2 * interval:
                    # as long as the interval is meant: one reading each
                    message = f"windows of {size} s are shorter than two expected intervals of {name}, {interval:g} s"
                    report.warning((*path, "windows_s"), message, f"they hold one reading, or two, by turns: {mend}")
        limit = declared.max_readings_per_s
        if 0 < limit < expected - 1e-9:
            path = ("assets", index) if asset.max_readings_per_s is not None else ("machine_types", type_index)
            message = f"max_readings_per_s ({limit}) is less than the {expected:.6g} readings/s expected of {asset.id}"
            mend = f"set it to {max(int(2 * expected), limit + 1)} or more, or make the intervals longer"
            report.error((*path, "max_readings_per_s"), message, mend)


def _override(path: Path, inherited: str | None, own: str | None, report: Report) -> None:
    if not inherited or not own or not (units.is_known(own) and units.is_known(inherited)):
        return
    if units.conversion(inherited, own) is None:
        message = f"unit {quote(own)} measures something else than {quote(inherited)} of the machine type"
        report.error(path, message, "use a unit of the same kind, or another parameter name")


def _range(path: Path, parameter: Parameter, report: Report) -> None:
    limits = parameter.range
    if limits is not None and limits.min is not None and limits.max is not None and limits.min >= limits.max:
        message = f"range of {parameter.name}: min ({limits.min:g}) is not below max ({limits.max:g})"
        report.error(path, message, "swap them, or leave one out")


def _pipelines(
    topology: Topology, assets: Mapping[AssetKey, DeclaredAsset], delivered: DeliveredTags, report: Report
) -> None:
    for index, pipeline in enumerate(topology.pipelines):
        polled: dict[AssetKey, float] = {}
        for tag in delivered[index]:
            path = ("pipelines", index, "config", "tags", tag.place)
            _unit((*path, "unit"), tag.unit, report)
            declared = assets.get(tag.asset) if tag.asset else None
            if declared is None:
                continue
            polled[declared.key] = polled.get(declared.key, 0.0) + (1 / tag.interval_s if tag.interval_s else 0.0)
            parameter = declared.parameters.get(tag.parameter)
            if parameter is None:
                if declared.parameters:
                    message = f"asset {declared.key[2]} declares no parameter {quote(tag.parameter)}"
                    mend = did_you_mean(tag.parameter, declared.parameters) or "declare it, so that it can be checked"
                    report.warning(path, message, mend)
                continue
            _tag_unit((*path, "unit"), tag.unit, parameter.spec, report)
        for key, rate in polled.items():
            limit = assets[key].max_readings_per_s
            if pipeline.enabled and 0 < limit < rate - 1e-9:
                message = f"polls {rate:.6g} readings/s of {key[2]}, which allows {limit}: the surplus goes to the DLQ"
                mend = "poll less often, or raise max_readings_per_s of the asset"
                report.warning(("pipelines", index, "poll_interval_s"), message, mend)


def _tag_unit(path: Path, unit: str | None, parameter: Parameter, report: Report) -> None:
    wanted = parameter.unit
    if unit is None or wanted is None or not (units.is_known(unit) and units.is_known(wanted)):
        return
    if units.conversion(unit, wanted) is None:
        message = f"unit {quote(unit)} cannot be converted to {quote(wanted)}, the unit of {parameter.name}"
        report.error(path, message, "correct one of the two: they measure different things")
