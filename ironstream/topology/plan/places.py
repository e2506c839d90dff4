"""What becomes of tenants, sites, machine types, assets and their parameters. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ironstream.topology.model import Asset, MachineType, Parameter, Topology
from ironstream.topology.plan.model import Effect, Item, Kind
from ironstream.topology.plan.parts import Pair, pairs
from ironstream.topology.plan.plant import Plant
from ironstream.topology.plan.touched import Touched

_FOR_PEOPLE = frozenset(("name",))
"""Fields that only people read: nothing that runs looks at them."""


def place_items(before: Plant, after: Plant, touched: Touched) -> Iterator[Item]:
    """An item for each of them that is not as before; parameters have their own, but where the whole is new or gone."""
    old, new = before.topology, after.topology
    for tenant in pairs(old.tenants, new.tenants, lambda one: one.id, "tenants"):
        fields = tenant.fields()
        effect: Effect = "none" if fields else "changes"
        yield Item("tenant", tenant.path, tenant.name, tenant.change, effect, fields=fields)
    for site in pairs(old.sites, new.sites, lambda one: f"{one.tenant}/{one.id}", "sites"):
        series = sum(len(parameters) for key, parameters in touched.of_asset.items() if "/".join(key[:2]) == site.name)
        # the name of a site is in every clean reading
        yield Item("site", site.path, site.name, site.change, _live(series), fields=site.fields(), series=series)
    yield from _types(old, new, touched)
    yield from _assets(before, after, touched)


def _types(before: Topology, after: Topology, touched: Touched) -> Iterator[Item]:
    of_type: dict[str, int] = {}
    for (kind, _), series in touched.of_type.items():
        of_type[kind] = of_type.get(kind, 0) + series
    for pair in pairs(before.machine_types, after.machine_types, lambda one: one.id, "machine_types"):
        yield from _whole("machine_type", pair, of_type.get(pair.name, 0), pair.name)
        if pair.before is not None and pair.after is not None:
            of_name = {name: number for (kind, name), number in touched.of_type.items() if kind == pair.name}
            yield from _parameters(pair.before.parameters, pair.after.parameters, pair.path, pair.name, of_name)


def _assets(before: Plant, after: Plant, touched: Touched) -> Iterator[Item]:
    old, new = before.topology.assets, after.topology.assets
    for pair in pairs(old, new, lambda one: f"{one.tenant}/{one.site}/{one.id}", "assets"):
        key = pair.one.tenant, pair.one.site, pair.one.id
        concerned = touched.of_asset.get(key, frozenset())
        yield from _whole("asset", pair, len(concerned), pair.name)
        if pair.before is not None and pair.after is not None:
            own = dict.fromkeys(concerned, 1)
            yield from _parameters(pair.before.parameters, pair.after.parameters, pair.path, pair.name, own)


def _whole(kind: Kind, pair: Pair[Asset] | Pair[MachineType], series: int, name: str) -> Iterator[Item]:
    fields = pair.fields(without=("parameters",))
    if pair.change == "changed" and not fields:
        return
    effect: Effect = "changes" if kind == "asset" else _live(series)
    if fields and all(field.field in _FOR_PEOPLE for field in fields):
        effect, series = "none", 0
    yield Item(kind, pair.path, name, pair.change, effect, fields=fields, series=series)


def _parameters(
    before: Sequence[Parameter], after: Sequence[Parameter], path: str, owner: str, touched: Mapping[str, int]
) -> Iterator[Item]:
    for pair in pairs(before, after, lambda one: one.name, path + ".parameters"):
        series = touched.get(pair.one.name, 0)
        yield Item(
            "parameter", pair.path, f"{owner}/{pair.name}", pair.change, _live(series),
            fields=pair.fields(), series=series,
        )  # fmt: skip


def _live(series: int) -> Effect:
    """Rules that no series has concern nothing that runs."""
    return "changes" if series else "none"
