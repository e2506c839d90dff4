"""Checks that every name is declared, and declared once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ironstream.contract import DEFAULT_PART
from ironstream.topology.checks.report import Path, Report
from ironstream.topology.faults import did_you_mean, quote
from ironstream.topology.model import Parameter, Topology
from ironstream.topology.nodes import Node
from ironstream.topology.resolve import AssetKey, DeliveredTags


@dataclass(frozen=True, slots=True)
class Names:
    """Every name that the file declares, also in parts that have faults of their own.

    An empty set of tenants, sites or assets means that none is declared, so that any name may be used.
    """

    tenants: frozenset[str]
    sites: frozenset[tuple[str, str]]
    machine_types: frozenset[str]
    assets: frozenset[AssetKey]

    @classmethod
    def of(cls, root: Node) -> Names:
        """The names in a tree, before anything is taken out of it."""
        return cls(
            tenants=frozenset(_text(item, "id") for item in _items(root, "tenants")),
            sites=frozenset((_text(item, "tenant"), _text(item, "id")) for item in _items(root, "sites")),
            machine_types=frozenset(_text(item, "id") for item in _items(root, "machine_types")),
            assets=frozenset(
                (_text(item, "tenant"), _text(item, "site"), _text(item, "id")) for item in _items(root, "assets")
            ),
        )


def _items(root: Node, section: str) -> Iterable[Node]:
    node = root.child(section)
    return node.children() if node is not None and isinstance(node.value, list) else ()


def _text(item: Node, field: str) -> str:
    node = item.child(field)
    if node is None:
        return DEFAULT_PART
    return node.value if isinstance(node.value, str) else ""


def check_references(topology: Topology, names: Names, delivered: DeliveredTags, report: Report) -> None:
    """Note every name that is declared twice, and every reference to one that is not declared."""
    _unique("tenants", "tenant", [(tenant.id,) for tenant in topology.tenants], report)
    _unique("sites", "site", [(site.tenant, site.id) for site in topology.sites], report)
    _unique("machine_types", "machine type", [(kind.id,) for kind in topology.machine_types], report)
    _unique("assets", "asset", [(asset.tenant, asset.site, asset.id) for asset in topology.assets], report)
    _unique("pipelines", "pipeline", [(pipeline.id,) for pipeline in topology.pipelines], report)
    _unique("alarms", "alarm", [(alarm.id,) for alarm in topology.alarms], report)
    _unique("sinks", "sink", [(sink.id,) for sink in topology.sinks], report)
    for index, machine_type in enumerate(topology.machine_types):
        _parameters(("machine_types", index, "parameters"), machine_type.parameters, report)
    for index, asset in enumerate(topology.assets):
        _parameters(("assets", index, "parameters"), asset.parameters, report)
    for index, site in enumerate(topology.sites):
        _tenant(("sites", index, "tenant"), site.tenant, names, report)
    for index, asset in enumerate(topology.assets):
        _place(("assets", index), asset.tenant, asset.site, names, report)
        if asset.machine_type is not None and asset.machine_type not in names.machine_types:
            message = f"machine type {quote(asset.machine_type)} is not declared"
            hint = "" if report.crowded else did_you_mean(asset.machine_type, names.machine_types)
            mend = hint or "declare it under machine_types"
            report.error(("assets", index, "machine_type"), message, mend)
    _pipelines(topology, names, delivered, report)


def _parameters(path: Path, parameters: Sequence[Parameter], report: Report) -> None:
    if len(parameters) > 1:
        _unique(path, "parameter", [(parameter.name,) for parameter in parameters], report, field="name")


def _pipelines(topology: Topology, names: Names, delivered: DeliveredTags, report: Report) -> None:
    for index, pipeline in enumerate(topology.pipelines):
        path = ("pipelines", index)
        if not _place(path, pipeline.tenant, pipeline.site, names, report):
            continue
        if pipeline.asset is not None:
            _asset((*path, "asset"), (pipeline.tenant, pipeline.site, pipeline.asset), names, report)
        own = (pipeline.tenant, pipeline.site, pipeline.asset)
        for tag in delivered[index]:
            if tag.asset is not None and tag.asset != own:
                _asset((*path, "config", "tags", tag.place, "asset"), tag.asset, names, report)


def _unique(
    section: str | Path, what: str, keys: Sequence[tuple[str, ...]], report: Report, *, field: str = "id"
) -> None:
    first: dict[tuple[str, ...], int] = {}
    base = (section,) if isinstance(section, str) else tuple(section)
    for index, key in enumerate(keys):
        if first.setdefault(key, index) != index:
            place = report.place_of((*base, first[key]), (*base, index))
            message = f"{what} {quote('/'.join(key))} is declared twice, first in {place}"
            report.error((*base, index, field), message, f"give it another {field}, or remove one of the two")


def _tenant(path: Path, tenant: str, names: Names, report: Report) -> bool:
    if not names.tenants or tenant in names.tenants:
        return True
    hint = "" if report.crowded else did_you_mean(tenant, names.tenants)
    mend = hint or "declare it under tenants, or name a declared one in `tenant`"
    report.error(path, f"tenant {quote(tenant)} is not declared", mend)
    return False


def _place(path: Path, tenant: str, site: str, names: Names, report: Report) -> bool:
    if not _tenant((*path, "tenant"), tenant, names, report):
        return False
    if not names.sites or (tenant, site) in names.sites:
        return True
    owners = [] if report.crowded else sorted(owner for owner, name in names.sites if name == site)
    if owners:
        mend = f"it is a site of tenant {owners[0]}: change `tenant` there or here"
    elif report.crowded:
        mend = ""
    else:
        mend = did_you_mean(site, [name for owner, name in names.sites if owner == tenant])
    report.error(
        (*path, "site"),
        f"site {quote(site)} of tenant {quote(tenant)} is not declared",
        mend or "declare it under sites, or name a declared one in `site`",
    )
    return False


def _asset(path: Path, key: AssetKey, names: Names, report: Report) -> None:
    if not names.assets or key in names.assets:
        return
    tenant, site, asset = key
    if report.crowded:
        report.error(path, f"asset {quote('/'.join(key))} is not declared", "declare it under assets")
        return
    elsewhere = sorted(place for place in names.assets if place[2] == asset)
    if elsewhere:
        mend = f"it is declared as {'/'.join(elsewhere[0])}: set tenant and site to match"
    else:
        mend = did_you_mean(asset, [name for *place, name in names.assets if place == [tenant, site]])
    report.error(path, f"asset {quote('/'.join(key))} is not declared", mend or "declare it under assets")
