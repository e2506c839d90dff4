"""What the topology that holds says of series, assets and sites."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ironstream.contract import SeriesId
from ironstream.domain.rules import SeriesRules
from ironstream.errors import DecodeError
from ironstream.rollout.records import Version
from ironstream.topology import Topology
from ironstream.topology.canary import CompiledCanary, compile_version
from ironstream.topology.canary.part import named_assets
from ironstream.topology.compile import CompiledTopology
from ironstream.topology.sources import unpacked

AssetKey = tuple[str, str, str]
"""tenant, site, asset"""


@dataclass(frozen=True, slots=True)
class DeclaredPlant:
    """One version, made ready; `series` are the declared ones with their rules, in the order of the file."""

    version: int
    compiled: CompiledTopology | CompiledCanary | None = None
    series: dict[SeriesId, SeriesRules] = field(default_factory=dict)
    sites: dict[tuple[str, str], str] = field(default_factory=dict)
    assets: dict[AssetKey, tuple[str, str | None]] = field(default_factory=dict)
    """Name and machine type."""
    window_sizes_s: tuple[int, ...] = ()
    topology: Topology | None = None
    """What holds for the whole plant; of a canary with the pipelines of both versions."""
    named: dict[str, list[AssetKey]] = field(default_factory=dict)
    """The assets that each pipeline names."""

    def rules(self, series: SeriesId) -> SeriesRules:
        """The rules of any series, declared or not."""
        known = self.series.get(series)
        if known is None and self.compiled is not None:
            return self.compiled.series(series.tenant_id, series.site_id, series.asset_id, series.parameter)
        return known or SeriesRules()

    def site_name(self, tenant: str, site: str) -> str:
        """Name for people; the id where there is none."""
        return self.sites.get((tenant, site)) or site

    def asset(self, key: AssetKey) -> tuple[str, str | None]:
        """Name for people (the id where there is none), and machine type."""
        name, machine_type = self.assets.get(key, ("", None))
        return name or key[2], machine_type


def declared_plant(version: Version) -> DeclaredPlant:
    """A version of the log, compiled: seconds for a large plant. One that this release cannot use declares nothing."""
    try:
        compiled = compile_version(unpacked(version.packed), version.number)
    except DecodeError:
        compiled = None
    return DeclaredPlant(version.number) if compiled is None else declared_of(compiled)


def declared_of(compiled: CompiledTopology | CompiledCanary) -> DeclaredPlant:
    """What a compiled topology declares."""
    whole = compiled if isinstance(compiled, CompiledTopology) else compiled.parent
    parts = (whole,) if isinstance(compiled, CompiledTopology) else (compiled.candidate, whole)
    topology = whole.topology
    if isinstance(compiled, CompiledCanary):
        pipelines = compiled.part.composed(topology, compiled.candidate.topology)
        topology = topology.model_copy(update={"pipelines": pipelines})
    return DeclaredPlant(
        compiled.version,
        compiled,
        {one: compiled.series(one.tenant_id, one.site_id, one.asset_id, one.parameter) for one in _series(compiled)},
        {(site.tenant, site.id): site.name for site in whole.topology.sites},
        {
            (one.tenant, one.site, one.id): (one.name, one.machine_type)
            for part in parts
            for one in part.topology.assets
        },
        tuple(window.size_us // 1_000_000 for window in compiled.windows),
        topology,
        {one.id: list(dict.fromkeys(named_assets([one]))) for one in topology.pipelines},
    )


def _series(compiled: CompiledTopology | CompiledCanary) -> Iterator[SeriesId]:
    if isinstance(compiled, CompiledTopology):
        yield from compiled.declared_series()
        return
    for part in (compiled.parent, compiled.candidate):
        for one in part.declared_series():
            if compiled.part.has(one.tenant_id, one.site_id, one.asset_id) is (part is compiled.candidate):
                yield one
