"""The plant as declared, with machine types applied and expected intervals known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ironstream.topology.model import Asset, MachineType, Parameter, Pipeline, Topology

AssetKey = tuple[str, str, str]
"""tenant, site, asset"""


@dataclass(frozen=True, slots=True)
class DeclaredParameter:
    """A parameter of one asset; `expected_interval_s` is 0 when neither file nor pipeline tells it."""

    spec: Parameter
    expected_interval_s: float
    windows_s: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DeclaredAsset:
    """An asset with its machine type's fields under its own."""

    key: AssetKey
    machine_type: str | None
    max_readings_per_s: int
    parameters: Mapping[str, DeclaredParameter]


@dataclass(frozen=True, slots=True)
class DeliveredTag:
    """A tag of a pipeline; `place` is its index in the configuration's `tags`.

    `interval_s` is what may lie between two of its readings, `poll_interval_s` what lies between two polls; 0: the
    device decides.
    """

    place: int
    asset: AssetKey | None
    parameter: str
    unit: str | None
    interval_s: float
    poll_interval_s: float


DeliveredTags = Sequence[Sequence[DeliveredTag]]
"""Of each pipeline in the order of the file."""


def delivered_tags_of(topology: Topology) -> DeliveredTags:
    """What each pipeline reads, found once for all that ask."""
    return [list(delivered_tags(pipeline)) for pipeline in topology.pipelines]


def delivered_tags(pipeline: Pipeline) -> Iterator[DeliveredTag]:
    """What a pipeline reads, where its configuration has a list `tags` of mappings with `parameter` or `name`.

    Every adapter of ironstream does; anything else in `config` is that adapter's own matter and passed over here.
    """
    tags = pipeline.config.get("tags")
    for place, tag in enumerate(tags if isinstance(tags, list) else ()):
        if isinstance(tag, dict) and not _is_text(tag):
            parameter = tag.get("parameter", tag.get("name"))
            if isinstance(parameter, str):
                poll_s = _seconds(tag.get("poll_interval_s")) or pipeline.poll_interval_s or 0.0
                yield DeliveredTag(
                    place=place,
                    asset=_asset_of(pipeline, tag),
                    parameter=parameter,
                    unit=_text(tag.get("unit")),
                    interval_s=_interval(tag, pipeline, poll_s),
                    poll_interval_s=poll_s,
                )


def _is_text(tag: Mapping[str, Any]) -> bool:
    """Text is only ever an event: no parameter, so nothing is declared of it. Each adapter says it in its own way."""
    return tag.get("type") in ("STRING", "text") or tag.get("text") is True


def _asset_of(pipeline: Pipeline, tag: Mapping[str, Any]) -> AssetKey | None:
    asset = _text(tag.get("asset")) or pipeline.asset
    if asset is None:
        return None
    return _text(tag.get("tenant")) or pipeline.tenant, _text(tag.get("site")) or pipeline.site, asset


def _interval(tag: Mapping[str, Any], pipeline: Pipeline, poll_s: float) -> float:
    report = tag.get("report") or pipeline.config.get("report")
    if not isinstance(report, Mapping) or report.get("mode", "on_received") == "on_received":
        return poll_s
    # report by exception: between two readings lies what the report allows, not what the poll takes
    longest = _seconds(report.get("period_s"))
    door = report.get("swinging_door")
    if isinstance(door, Mapping):
        longest = longest or _seconds(door.get("max_time_s"))
    return max(poll_s, longest) if longest else 0.0


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) and value > 0 else 0.0


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def default_windows(sizes_s: Iterable[int], expected_interval_s: float) -> tuple[int, ...]:
    """The sizes that a series gets without being told: at least two readings must fit into a window."""
    return tuple(size for size in sizes_s if size >= 2 * expected_interval_s)


def merge_parameters(machine_type: MachineType | None, asset: Asset) -> dict[str, Parameter]:
    """Parameters of an asset by name: its machine type's, with the fields that the asset itself sets over them."""
    merged = {spec.name: spec for spec in machine_type.parameters} if machine_type else {}
    for own in asset.parameters:
        base = merged.get(own.name)
        if base is not None:
            own = base.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})
        merged[own.name] = own
    return merged


def declared_assets(topology: Topology, delivered: DeliveredTags | None = None) -> dict[AssetKey, DeclaredAsset]:
    """Every asset of the file by its identity; of two with the same identity the first. `delivered` is found if it is
    not at hand.
    """
    types = {machine_type.id: machine_type for machine_type in reversed(topology.machine_types)}
    sizes = tuple(sorted({window.size_s for window in topology.windows}))
    polled: dict[tuple[AssetKey, str], float] = {}
    for pipeline, tags in zip(topology.pipelines, delivered or delivered_tags_of(topology), strict=True):
        if pipeline.enabled:
            for tag in tags:
                if tag.asset is not None and tag.interval_s > 0:
                    series = tag.asset, tag.parameter
                    polled[series] = min(polled.get(series, tag.interval_s), tag.interval_s)
    assets: dict[AssetKey, DeclaredAsset] = {}
    shared: dict[tuple[int, float], DeclaredParameter] = {}
    for asset in topology.assets:
        key = asset.tenant, asset.site, asset.id
        if key in assets:
            continue
        machine_type = types.get(asset.machine_type) if asset.machine_type else None
        parameters = {}
        for name, spec in merge_parameters(machine_type, asset).items():
            interval = spec.expected_interval_s or polled.get((key, name), 0.0)
            # assets that only follow their type share its parameters: thousands of them cost no memory
            known = shared.get((id(spec), interval))
            if known is None:
                windows = default_windows(sizes, interval) if spec.windows_s is None else tuple(sorted(spec.windows_s))
                known = shared[id(spec), interval] = DeclaredParameter(spec, interval, windows)
            parameters[name] = known
        limit = asset.max_readings_per_s
        if limit is None:
            limit = machine_type.max_readings_per_s if machine_type else 0
        assets[key] = DeclaredAsset(key, asset.machine_type, limit, parameters)
    return assets
