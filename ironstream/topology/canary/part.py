"""What belongs to a gateway: its pipelines, and the assets that these alone deliver. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ironstream.topology.checks.delivery import takes_assets_as_they_come
from ironstream.topology.model import Pipeline, Topology
from ironstream.topology.resolve import AssetKey


@dataclass(frozen=True, slots=True)
class GatewayPart:
    """The part of a plant that a canary on `gateway` changes; everything else stays as it is.

    `pipelines` are those that name the gateway, in the present version or in the candidate. Pipelines that name no
    gateway are the whole plant's. `own` are the assets that they name and that no other pipeline names, `others` those
    that another one does, of another gateway or of none: an asset of two gateways stays as it is. Assets that nobody
    names are the gateway's (`has_unnamed`) where it alone has pipelines that take assets as they come.
    """

    gateway: str
    pipelines: frozenset[str]
    own: frozenset[AssetKey]
    others: frozenset[AssetKey]
    has_unnamed: bool

    def has(self, tenant: str, site: str, asset: str) -> bool:
        """Whether the asset is in this part."""
        key = tenant, site, asset
        return key in self.own or (self.has_unnamed and key not in self.others)

    def composed(self, parent: Topology, candidate: Topology) -> tuple[Pipeline, ...]:
        """The pipelines of the canary: each stands in one of the versions alone, so none runs twice or nowhere."""
        return (
            *(one for one in parent.pipelines if one.id not in self.pipelines),
            *(one for one in candidate.pipelines if one.id in self.pipelines),
        )


def gateway_part(parent: Topology, candidate: Topology, gateway: str) -> GatewayPart:
    """What belongs to a gateway where `parent` holds and `candidate` is to be tried."""
    both = (*parent.pipelines, *candidate.pipelines)
    names = frozenset(one.id for one in both if one.gateway == gateway)
    mine = [one for one in both if one.id in names]
    others = [one for one in parent.pipelines if one.id not in names]
    elsewhere = frozenset(named_assets(others))
    return GatewayPart(
        gateway=gateway,
        pipelines=names,
        own=frozenset(named_assets(mine)) - elsewhere,
        others=elsewhere,
        has_unnamed=any(map(takes_assets_as_they_come, mine)) and not any(map(takes_assets_as_they_come, others)),
    )


def gateways_of(*topologies: Topology) -> list[str]:
    """The names that pipelines give to gateways."""
    return sorted({one.gateway for topology in topologies for one in topology.pipelines if one.gateway})


def named_assets(pipelines: Iterable[Pipeline]) -> Iterator[AssetKey]:
    """The assets that pipelines name, in whatever place."""
    for one in pipelines:
        if one.asset is not None:
            yield one.tenant, one.site, one.asset
        yield from _assets_in(one.config, one.tenant, one.site)


def _assets_in(value: Any, tenant: str, site: str) -> Iterator[AssetKey]:
    """Every asset that a configuration names, in tags or topics, with the tenant and the site that stand beside it."""
    if isinstance(value, dict):
        asset, own_tenant, own_site = (value.get(name) for name in ("asset", "tenant", "site"))
        if isinstance(asset, str):
            yield (
                own_tenant if isinstance(own_tenant, str) else tenant,
                own_site if isinstance(own_site, str) else site,
                asset,
            )
        for inner in value.values():
            yield from _assets_in(inner, tenant, site)
    elif isinstance(value, list):
        for inner in value:
            yield from _assets_in(inner, tenant, site)
