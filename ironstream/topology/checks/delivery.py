"""Checks that somebody delivers what is declared, as far as the pipelines tell what they deliver."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ironstream.topology.checks.report import Path, Report
from ironstream.topology.faults import did_you_mean, quote
from ironstream.topology.model import Pipeline, Topology
from ironstream.topology.resolve import AssetKey, DeclaredAsset, DeliveredTags

_BY_THEIR_CONTENT = frozenset({"topics", "sparkplug", "nodes"})
"""Parts of a configuration whose values are only known once they come."""
_MANY = 20
"""More assets than this are told of at once."""


def check_delivery(
    topology: Topology, assets: Mapping[AssetKey, DeclaredAsset], tags: DeliveredTags, report: Report
) -> None:
    """Note every asset and every parameter that no pipeline delivers.

    Nothing is said where nobody can tell: without any pipeline, or with one that takes its assets from what it reads. A
    pipeline that is not enabled counts: it was put to rest on purpose.
    """
    delivered = _delivered(topology, tags)
    if delivered is None or not topology.pipelines:
        return
    _assets(topology, delivered, report)
    told: set[int] = set()
    types = {machine_type.id: place for place, machine_type in enumerate(topology.machine_types)}
    for index, asset in enumerate(topology.assets):
        key = asset.tenant, asset.site, asset.id
        names = delivered.get(key)
        if names is None:
            continue
        for name, parameter in assets[key].parameters.items():
            if name in names or id(parameter) in told:
                continue
            told.add(id(parameter))
            # a tag with a name that is near is told of as such
            if not did_you_mean(name, names - assets[key].parameters.keys()):
                path = _declared_at(topology, index, types.get(asset.machine_type or ""), name)
                message = f"no pipeline delivers parameter {quote(name)} of asset {quote(asset.id)}"
                report.warning(path, message, "add a tag of that name, or remove the parameter")


def _assets(topology: Topology, delivered: Mapping[AssetKey, object], report: Report) -> None:
    lacking = [
        (index, asset.id)
        for index, asset in enumerate(topology.assets)
        if (asset.tenant, asset.site, asset.id) not in delivered
    ]
    if len(lacking) > _MANY:
        message = f"no pipeline delivers {len(lacking)} of the {len(topology.assets)} assets; this is the first"
        report.warning(("assets", lacking[0][0]), message, "name them in pipelines or in their tags, or remove them")
        return
    for index, name in lacking:
        mend = "name it in a pipeline or in one of its tags, or remove it"
        report.warning(("assets", index), f"no pipeline delivers asset {quote(name)}", mend)


def _declared_at(topology: Topology, asset: int, machine_type: int | None, name: str) -> Path:
    for place, own in enumerate(topology.assets[asset].parameters):
        if own.name == name:
            return "assets", asset, "parameters", place
    if machine_type is not None:
        for place, inherited in enumerate(topology.machine_types[machine_type].parameters):
            if inherited.name == name:
                return "machine_types", machine_type, "parameters", place
    return "assets", asset


def _delivered(topology: Topology, tags: DeliveredTags) -> dict[AssetKey, frozenset[str] | None] | None:
    """Parameters of each asset that is delivered; None for those of an asset, or for all, that nobody can tell."""
    named: dict[AssetKey, set[str]] = {}
    unknown: set[AssetKey] = set()
    for pipeline, own in zip(topology.pipelines, tags, strict=True):
        config = pipeline.config
        if takes_assets_as_they_come(pipeline):
            return None
        if pipeline.asset is not None:
            named.setdefault((pipeline.tenant, pipeline.site, pipeline.asset), set())
        if "tags" not in config or not _BY_THEIR_CONTENT.isdisjoint(config):
            unknown |= {(pipeline.tenant, pipeline.site, asset) for asset in _assets_in(config)}
            if pipeline.asset is not None:
                unknown.add((pipeline.tenant, pipeline.site, pipeline.asset))
        for tag in own:
            if tag.asset is not None:
                named.setdefault(tag.asset, set()).add(tag.parameter)
    return {key: frozenset(names) for key, names in named.items()} | dict.fromkeys(unknown)


def takes_assets_as_they_come(pipeline: Pipeline) -> bool:
    """Whether what a pipeline reads decides which assets it delivers, so that nobody can tell beforehand."""
    config = pipeline.config
    if "sparkplug" in config or (pipeline.asset is None and "tags" not in config and "nodes" not in config):
        return True
    topics = config.get("topics")
    return isinstance(topics, list) and any(
        isinstance(topic, dict)
        and (
            topic.get("format") == "ironstream" or any(isinstance(part, str) and "{" in part for part in topic.values())
        )
        for topic in topics
    )


def _assets_in(value: Any) -> Iterator[str]:
    """Every text that stands under a key `asset`."""
    if isinstance(value, dict):
        if isinstance(value.get("asset"), str):
            yield value["asset"]
        for inner in value.values():
            yield from _assets_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _assets_in(inner)
