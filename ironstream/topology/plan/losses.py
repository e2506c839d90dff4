"""What a plan gives up: sentences about state that is dropped and history that changes its meaning. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ironstream.topology import units
from ironstream.topology.plan.plant import Plant
from ironstream.topology.plan.touched import Touched

_NAMED = 5


def losses(before: Plant, after: Plant, touched: Touched) -> tuple[str, ...]:
    """All that is lost by going from one plant to another, the gravest for whole plants first."""
    return tuple(_losses(before, after, touched))


def _losses(before: Plant, after: Plant, touched: Touched) -> Iterator[str]:
    yield from _whole(before, after)
    yield from _windows(before, after, touched)
    yield from _rules(before, after, touched)
    yield from _declarations(before, after)
    for (parameter, old, new), series in sorted(touched.units.items(), key=str):
        if old is None or new is None:
            what = f"gets the unit {new}" if new else f"loses its unit {old}"
        elif units.conversion(old, new) is None:
            what = f"goes from {old} to {new}, which measures something else,"
        else:
            what = f"goes from {old} to {new}"
        yield (
            f"Parameter {parameter} {what} on {_many(series, 'series', 'series')}: "
            f"what is stored, and windows that are open, are in {old or 'whatever unit came'}, "
            "and nothing converts them."
        )


def _whole(before: Plant, after: Plant) -> Iterator[str]:
    old, new = before.topology, after.topology
    if old.deployment.partitions != new.deployment.partitions:
        yield (
            f"Partitions go from {old.deployment.partitions} to {new.deployment.partitions}: topics that exist keep "
            "theirs, and with more of them an asset's state would be in another place than its readings."
        )
    if old.deployment.topic_prefix != new.deployment.topic_prefix:
        yield (
            f"Topics get the prefix {new.deployment.topic_prefix!r} in place of {old.deployment.topic_prefix!r}: they "
            "are other topics, whose state, alarms and history begin with nothing."
        )
    was, now = ({tenant.id for tenant in one.tenants} for one in (old, new))
    if now and not was:
        yield f"Tenants are declared for the first time: readings of all but {_listed(now)} are refused from now on."
    elif now and was - now:
        yield f"Readings of {_listed(was - now)} are refused from now on: no such tenant is declared any more."
    if (old.unregistered, new.unregistered) == ("accept", "reject"):
        yield "Readings of assets that are not declared are refused from now on."


def _windows(before: Plant, after: Plant, touched: Touched) -> Iterator[str]:
    old, new = ({window.size_s: window for window in one.topology.windows} for one in (before, after))
    for size_s, window in old.items():
        now = new.get(size_s)
        series = _many(touched.windows_gone[size_s], "declared series", "declared series")
        if now is None:
            yield (
                f"Windows of {size_s} s are given up, for {series} and all that are not declared: "
                "those that are open are never told, and closed ones are no longer restated."
            )
            continue
        if touched.windows_gone[size_s]:
            yield f"No more windows of {size_s} s for {series}: the open ones hold only what came until then."
        if now.late_retention_s < window.late_retention_s:
            yield (
                f"Closed windows of {size_s} s are forgotten after {now.late_retention_s:g} s and no longer after "
                f"{window.late_retention_s:g} s: readings that are later restate nothing."
            )


def _rules(before: Plant, after: Plant, touched: Touched) -> Iterator[str]:
    on_events = {alarm.id for alarm in before.topology.alarms if alarm.on == "event"}
    declared = {alarm.id for alarm in after.topology.alarms}
    for rule in before.rules:
        given_up = touched.given_up[rule]
        what = _many(given_up, "asset", "assets") if rule in on_events else _many(given_up, "series", "series")
        if rule not in after.rules:
            gone = "disabled" if rule in declared else "removed"
            yield f"Alarm rule {rule} is {gone}: what it has raised is cleared, on {what}."
        elif given_up:
            yield f"Alarm rule {rule} no longer watches {what}: what it has raised there is cleared."


def _declarations(before: Plant, after: Plant) -> Iterator[str]:
    gone = [key for key in before.assets if key not in after.assets]
    if gone:
        series = sum(len(before.assets[key].parameters) for key in gone)
        rejected = after.topology.unregistered == "reject"
        fate = "their readings are refused" if rejected else "their readings are taken as those of unknown assets"
        names = _listed(["/".join(key) for key in gone])
        verb = "is" if len(gone) == 1 else "are"
        yield (
            f"{_many(len(gone), 'asset', 'assets')} with {_many(series, 'series', 'series')} {verb} no longer declared"
            f", {names}: units, limits and intervals are gone, {fate}, and the state stays as it is."
        )
    lacking: dict[str, int] = {}
    for key, asset in after.assets.items():
        former = before.assets.get(key)
        if former is not None:
            for name in former.parameters.keys() - asset.parameters.keys():
                lacking[name] = lacking.get(name, 0) + 1
    for name, assets in sorted(lacking.items()):
        yield (
            f"Parameter {name} is no longer declared on {_many(assets, 'asset', 'assets')}: "
            "its unit, limits and interval are gone, its readings are taken as they come."
        )


def _listed(names: Collection[str]) -> str:
    first = sorted(names)[:_NAMED]
    more = len(names) - len(first)
    return ", ".join(first) + (f" and {more} more" if more else "")


def _many(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
