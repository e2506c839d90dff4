"""What becomes of the alarm rules, the sinks, and what holds for the whole plant. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from ironstream.topology.model import Topology
from ironstream.topology.plan.fields import changed_fields, plain
from ironstream.topology.plan.model import Effect, FieldChange, Item, Kind
from ironstream.topology.plan.parts import pairs
from ironstream.topology.plan.plant import Plant
from ironstream.topology.plan.touched import Touched
from ironstream.topology.running import running_sink
from ironstream.topology.sinks import SinkSorts


def alarm_items(before: Plant, after: Plant, touched: Touched) -> Iterator[Item]:
    """An item for each alarm rule that is not as before; `series` is what it watches."""
    for pair in pairs(before.topology.alarms, after.topology.alarms, lambda alarm: alarm.id, "alarms"):
        watched = touched.watched if _enabled(pair.after) else touched.watched_before
        effect, note = _switched(_enabled(pair.before), _enabled(pair.after))
        if given_up := touched.given_up[pair.name]:
            note = f"what it has raised is cleared on {given_up}"
        yield Item(
            "alarm", pair.path, pair.name, pair.change, effect,
            fields=pair.fields(), series=watched[pair.name], note=note,
        )  # fmt: skip


def sink_items(before: Topology, after: Topology, sorts: SinkSorts) -> Iterator[Item]:
    """An item for each sink that is not as before, or has to start anew for what holds for the whole plant."""
    told = {pair.name: pair for pair in pairs(before.sinks, after.sinks, lambda sink: sink.id, "sinks")}
    for pair in told.values():
        effect, note = _switched(_enabled(pair.before), _enabled(pair.after))
        yield Item(
            "sink", pair.path, pair.name, pair.change, "restart" if effect == "changes" else effect,
            fields=pair.fields(), note=note,
        )  # fmt: skip
    for place, sink in enumerate(after.sinks):
        if sink.id in told or not sink.enabled:
            continue
        was, now = (
            running_sink(sink, sorts.get(sink.kind), [window.size_s for window in one.windows], one.deployment.name)
            for one in (before, after)
        )
        if was != now:
            topics = (FieldChange("topics", list(was.topics), list(now.topics)),) if was.topics != now.topics else ()
            note = "its kind takes the topics of all windows" if topics else "it tells the name of the deployment"
            yield Item("sink", f"sinks[{place}]", sink.id, "changed", "restart", fields=topics, note=note)


def window_items(before: Plant, after: Plant) -> Iterator[Item]:
    """An item for each window size that is not as before; `series` is how many get it."""
    for pair in pairs(before.topology.windows, after.topology.windows, lambda window: str(window.size_s), "windows"):
        plant = before if pair.after is None else after
        size_s = pair.one.size_s
        series = sum(series for parameter, series in plant.parameters() if size_s in parameter.windows_s)
        effect, _ = _switched(pair.before is not None, pair.after is not None)
        yield Item("window", pair.path, f"{size_s} s", pair.change, effect, fields=pair.fields(), series=series)


def root_items(before: Topology, after: Topology) -> Iterator[Item]:
    """Items for what the file says once: the deployment, the limits of clocks, who is admitted."""
    yield from _single("deployment", before.deployment, after.deployment)
    if before.unregistered != after.unregistered:
        fields = (FieldChange("unregistered", before.unregistered, after.unregistered),)
        yield Item("unregistered", "unregistered", "unregistered", "changed", "changes", fields=fields)
    yield from _single("times", before.times, after.times)


def _single(kind: Kind, before: BaseModel, after: BaseModel) -> Iterator[Item]:
    fields = changed_fields(plain(before), plain(after))
    if not fields:
        return
    effect: Effect = "changes"
    note = ""
    if kind == "deployment":
        effect = "none"
        if any(field.field == "name" for field in fields):
            note = "sinks tell the name of the deployment"
        if any(field.field != "name" for field in fields):
            note = "topics stay as they are: they are made by the settings of the environment"
    yield Item(kind, kind, kind, "changed", effect, fields=fields, note=note)


def _enabled(part: BaseModel | None) -> bool:
    return part is not None and bool(getattr(part, "enabled", True))


def _switched(before: bool, after: bool) -> tuple[Effect, str]:
    """What becomes of a part that is enabled or not before and after."""
    if before and after:
        return "changes", ""
    if before != after:
        return ("start", "") if after else ("stop", "")
    return "none", "is not enabled"
