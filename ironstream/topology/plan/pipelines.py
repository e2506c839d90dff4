"""What becomes of the pipelines and their tags, by the rule that gateways follow. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ironstream.comparison import compare
from ironstream.topology.model import Pipeline, Topology
from ironstream.topology.plan.fields import changed_fields, parts_by_name, tag_name
from ironstream.topology.plan.model import Effect, FieldChange, Item
from ironstream.topology.plan.parts import Pair, pairs
from ironstream.topology.resolve import delivered_tags
from ironstream.topology.running import running_pipeline, runs_on

_ANOTHER = "\0"
"""Stands for every gateway that no pipeline names; no identity can be this."""


def pipeline_items(before: Topology, after: Topology) -> Iterator[Item]:
    """An item for each pipeline that is not as before, followed by those of its tags."""
    for pair in pairs(before.pipelines, after.pipelines, lambda pipeline: pipeline.id, "pipelines"):
        effect = effect_of(pair.before, pair.after)
        yield Item(
            "pipeline", pair.path, pair.name, pair.change, effect,
            fields=_fields(pair), series=len(delivered(pair.one)), note=_note(pair),
        )  # fmt: skip
        if pair.before is not None and pair.after is not None:
            yield from _tag_items(pair.before, pair.after, pair.path, effect)


def effect_of(before: Pipeline | None, after: Pipeline | None) -> Effect:
    """What gateways do, all taken together: one that moves stops here and starts there, which is a restart."""
    done: set[Effect] = set()
    goes_on = False
    for gateway in {_ANOTHER, *(one.gateway for one in (before, after) if one is not None and one.gateway)}:
        running = {one.id: running_pipeline(one) for one in (before,) if one is not None and runs_on(one, gateway)}
        wanted = [(one.id, running_pipeline(one)) for one in (after,) if one is not None and runs_on(one, gateway)]
        found = compare(running, wanted)
        outcomes: dict[Effect, int] = {
            "start": len(found.new), "restart": len(found.changed), "stop": len(found.gone)
        }  # fmt: skip
        done.update(effect for effect, pipelines in outcomes.items() if pipelines)
        goes_on |= bool(running and wanted and not found.changed)
    if "restart" in done or {"start", "stop"} <= done:
        return "restart"
    enabled = any(one is not None and one.enabled for one in (before, after))
    return "changes" if goes_on else next(iter(done), "changes" if enabled else "none")


def delivered(pipeline: Pipeline) -> dict[str, int]:
    """The series that a pipeline's tags deliver, with the place of the tag in `config.tags`."""
    found: dict[str, int] = {}
    for tag in delivered_tags(pipeline):
        found.setdefault("/".join((*(tag.asset or ("?",)), tag.parameter)), tag.place)
    return found


def _fields(pair: Pair[Pipeline]) -> tuple[FieldChange, ...]:
    """All fields but the tags, which have items of their own, save for their order."""
    return tuple(
        change
        for change in pair.fields()
        if not change.field.startswith("config.tags[") and not (change.field == "config.tags" and _both_tagged(pair))
    )


def _both_tagged(pair: Pair[Pipeline]) -> bool:
    if pair.before is None or pair.after is None:
        return False
    old, new = _tags(pair.before), _tags(pair.after)
    return old is not None and new is not None and bool(old or new)


def _tags(pipeline: Pipeline) -> dict[str, tuple[int, Mapping[str, Any]]] | None:
    """The tags by name; None for a configuration that has none, or other ones."""
    tags = pipeline.config.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, dict) and tag_name(tag) for tag in tags):
        return None
    return parts_by_name(tags, [tag_name(tag) for tag in tags])


def _tag_items(before: Pipeline, after: Pipeline, path: str, effect: Effect) -> Iterator[Item]:
    old, new = _tags(before), _tags(after)
    if old is None or new is None:
        return
    was, now = _by_place(before), _by_place(after)
    for label, (place, tag) in new.items():
        at = f"{path}.config.tags[{place}]"
        if label not in old:
            series = now.get(place, "")
            yield Item("tag", at, label, "added", effect, series=int(bool(series)), delivers=series)
        elif old[label][1] != tag:
            fields = changed_fields(old[label][1], tag)
            series = now.get(place, "")
            yield Item("tag", at, label, "changed", effect, fields=fields, series=int(bool(series)), delivers=series)
    for label, (place, _) in old.items():
        if label not in new:
            series = was.get(place, "")
            at = f"{path}.config.tags[{place}]"
            yield Item("tag", at, label, "removed", effect, series=int(bool(series)), delivers=series)


def _by_place(pipeline: Pipeline) -> dict[int, str]:
    return {place: series for series, place in delivered(pipeline).items()}


def _note(pair: Pair[Pipeline]) -> str:
    before, after = pair.before, pair.after
    if before is None or after is None:
        return "" if pair.one.enabled else "is not enabled"
    if before.enabled != after.enabled:
        return "is enabled" if after.enabled else "is disabled"
    if not after.enabled:
        return "is not enabled"
    if before.gateway and after.gateway and before.gateway != after.gateway:
        return f"moves from gateway {before.gateway} to {after.gateway}"
    if before.gateway != after.gateway:
        doing = "start it too" if after.gateway is None else "stop it"
        return f"gateways other than {before.gateway or after.gateway} {doing}"
    processes = before.process or before.id, after.process or after.id
    return "" if processes[0] == processes[1] else f"moves from process {processes[0]} to {processes[1]}"
