"""A canary ready to be asked: by asset, the one compiled topology or the other. Pure."""

from __future__ import annotations

from functools import cached_property
from typing import Final, TypeVar

from ironstream.contract import SeriesId
from ironstream.domain.rules import ConditionRule, SeriesRules, TimeRules, WindowSize
from ironstream.topology.canary.part import GatewayPart, gateway_part
from ironstream.topology.compile import CompiledTopology, compile_topology
from ironstream.topology.model import Asset, MachineType, Parameter, Topology

PartT = TypeVar("PartT", Asset, MachineType)
_OF_THE_PLANT: Final = ("deployment", "unregistered", "times", "windows", "tenants")
"""What agents ask of the whole plant: as in the version that holds for it."""


class CompiledCanary:
    """Answers as the candidate for the assets of one gateway, as its parent for all others and for the whole plant."""

    def __init__(self, parent: CompiledTopology, candidate: CompiledTopology, part: GatewayPart, version: int) -> None:
        self.parent = parent
        self.candidate = candidate
        self.part = part
        self.version = version
        self.windows: tuple[WindowSize, ...] = parent.windows
        self.times: TimeRules = parent.times

    def admits(self, tenant: str, site: str, asset: str) -> str | None:
        """See CompiledTopology."""
        return self._of(tenant, site, asset).admits(tenant, site, asset)

    def series(self, tenant: str, site: str, asset: str, parameter: str) -> SeriesRules:
        """See CompiledTopology."""
        return self._of(tenant, site, asset).series(tenant, site, asset, parameter)

    def event_rules(self, tenant: str, site: str, asset: str) -> tuple[ConditionRule, ...]:
        """See CompiledTopology."""
        return self._of(tenant, site, asset).event_rules(tenant, site, asset)

    @cached_property
    def watched_series(self) -> list[SeriesId]:
        """See CompiledTopology."""
        return [
            one
            for topology in (self.parent, self.candidate)
            for one in topology.watched_series
            if self._of(one.tenant_id, one.site_id, one.asset_id) is topology
        ]

    def _of(self, tenant: str, site: str, asset: str) -> CompiledTopology:
        return self.candidate if self.part.has(tenant, site, asset) else self.parent


def compile_canary(parent: Topology, candidate: Topology, gateway: str, version: int) -> CompiledCanary:
    """Compile a canary of two topologies that were checked. `version` is its own number."""
    part = gateway_part(parent, candidate, gateway)
    return CompiledCanary(
        compile_topology(parent, version), compile_topology(_fitted(candidate, parent), version), part, version
    )


def _fitted(candidate: Topology, parent: Topology) -> Topology:
    """The candidate with what is the whole plant's from its parent: windows have only sizes that there are."""
    of_plant = {name: getattr(parent, name) for name in _OF_THE_PLANT}
    sizes = frozenset(window.size_s for window in parent.windows)
    if not sizes.issuperset(window.size_s for window in candidate.windows):
        of_plant["assets"] = tuple(_fitting(asset, sizes) for asset in candidate.assets)
        of_plant["machine_types"] = tuple(_fitting(kind, sizes) for kind in candidate.machine_types)
    return candidate.model_copy(update=of_plant)


def _fitting(part: PartT, sizes: frozenset[int]) -> PartT:
    return part.model_copy(update={"parameters": tuple(_windowed(one, sizes) for one in part.parameters)})


def _windowed(parameter: Parameter, sizes: frozenset[int]) -> Parameter:
    if parameter.windows_s is None or sizes.issuperset(parameter.windows_s):
        return parameter
    return parameter.model_copy(update={"windows_s": tuple(size for size in parameter.windows_s if size in sizes)})
