"""Checks a topology file: all of its faults at once, each with its place and its mend."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ValidationError

from ironstream.claims import ONE_OWNER, claims_of
from ironstream.naming import nameless_of
from ironstream.pace import haste_of
from ironstream.topology.checks.alarms import check_alarms
from ironstream.topology.checks.delivery import check_delivery
from ironstream.topology.checks.plant import check_plant
from ironstream.topology.checks.processes import check_gateways, check_processes
from ironstream.topology.checks.references import Names, check_references
from ironstream.topology.checks.report import Report
from ironstream.topology.checks.secrets import check_secrets
from ironstream.topology.checks.sinks import check_sinks
from ironstream.topology.checks.structure import sound_part, tell_all
from ironstream.topology.faults import Fault, TopologyError, did_you_mean, quote
from ironstream.topology.files import read_sources
from ironstream.topology.include import check_patterns, in_order, merge, usable_patterns
from ironstream.topology.load import load
from ironstream.topology.model import Pipeline, Topology
from ironstream.topology.nodes import Node
from ironstream.topology.resolve import declared_assets, delivered_tags_of
from ironstream.topology.sinks import SinkSorts
from ironstream.topology.sources import Sources

AdapterModels = Mapping[str, type[BaseModel]]
"""Name of an adapter → the class of its configuration."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found. `topology` is None when there is an error among the faults; warnings leave it usable."""

    topology: Topology | None
    faults: list[Fault] = field(default_factory=list)

    @property
    def errors(self) -> list[Fault]:
        """The faults that keep the file from being used."""
        return [fault for fault in self.faults if fault.severity == "error"]


def check_text(
    text: bytes,
    filename: str = "topology.yaml",
    adapters: AdapterModels | None = None,
    sinks: SinkSorts | None = None,
) -> CheckResult:
    """Check the bytes of a topology file. Never raises for what is in them.

    With `adapters`, each pipeline's adapter must be one of them and its `config` is validated by that class; without,
    both are taken as they are. So it is with `sinks` and the kind and `config` of each sink. `filename` is for the
    messages.
    """
    return check_sources(Sources.single(text, filename), adapters, sinks)


def check_sources(
    sources: Sources, adapters: AdapterModels | None = None, sinks: SinkSorts | None = None, folder: str = ""
) -> CheckResult:
    """Check the files of a topology as one, as `check_text` does. Each fault has the file that it stands in, `folder`
    before its name. A file that is not there or cannot be read is told before all else.
    """
    with no_collection():
        return _check(sources, folder, adapters, sinks)


def load_topology(path: Path, adapters: AdapterModels | None = None, sinks: SinkSorts | None = None) -> Topology:
    """The topology in a file, checked. Raises TopologyError with all faults when it cannot be read or used."""
    return parse_sources(read_sources(path), path.parent, adapters, sinks)


def parse_sources(
    sources: Sources, folder: Path, adapters: AdapterModels | None = None, sinks: SinkSorts | None = None
) -> Topology:
    """The topology in files that were read from `folder`, checked. Raises TopologyError with all faults."""
    path = folder / sources.root
    result = check_sources(sources, adapters, sinks, str(folder))
    if result.topology is None:
        errors = result.errors
        listing = "\n".join(str(fault) for fault in result.faults)
        message = f"{path}: {len(errors)} error{'s' if len(errors) != 1 else ''}\n{listing}"
        raise TopologyError(message, result.faults, "mend the lines above; a running system keeps the version it has")
    return result.topology


def _check(sources: Sources, folder: str, adapters: AdapterModels | None, sinks: SinkSorts | None) -> CheckResult:
    shown = {name: f"{Path(folder, name)}" if folder else name for name in sources.files}
    root, unreadable = load(sources.text, shown[sources.root])
    if root is None:
        return CheckResult(None, unreadable)
    report = Report(root, shown[sources.root])
    order = {filename: number for number, filename in enumerate(shown.values())}
    if not _include(root, sources, shown, unreadable, report):
        return CheckResult(None, _sorted([*unreadable, *report.faults], order))
    check_secrets(root, report)
    names = Names.of(root)
    topology, whole = sound_part(root, report)
    delivered = delivered_tags_of(topology)
    check_references(topology, names, delivered, report)
    if adapters is not None:
        _check_configurations(topology, adapters, report)
    assets = declared_assets(topology, delivered)
    check_plant(topology, assets, delivered, report)
    check_alarms(topology, assets, whole, report)
    check_gateways(topology, report)
    check_processes(topology, report)
    check_sinks(topology, sinks, whole, report)
    if whole and not report.has_errors:
        # an asset that is misspelt in a pipeline is told of there
        check_delivery(topology, assets, delivered, report)
    faults = _sorted([*unreadable, *report.faults], order)
    sound = whole and all(fault.severity == "warning" for fault in faults)
    return CheckResult(topology if sound else None, faults)


def _include(root: Node, sources: Sources, shown: Mapping[str, str], unreadable: list[Fault], report: Report) -> bool:
    """Put what is in the other files into the tree. False when one is missing: what it declares would be missed too."""
    complete = check_patterns(root, sources.root, [*sources.files][1:], sources.unread, report)
    others: dict[str, Node] = {}
    for name in in_order(usable_patterns(root), (name for name in sources.files if name != sources.root)):
        other, faults = load(sources.files[name], shown[name])
        unreadable += faults
        if other is None:
            complete = False
        else:
            others[shown[name]] = other
    merge(root, others, report)
    return complete


def _sorted(faults: list[Fault], order: Mapping[str, int]) -> list[Fault]:
    return sorted(faults, key=lambda fault: (order[fault.filename], fault.line, fault.column))


@contextmanager
def no_collection() -> Iterator[None]:
    """Hold back cyclic garbage collection: all of a growing tree is alive, and visiting it took half of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _check_configurations(topology: Topology, adapters: AdapterModels, report: Report) -> None:
    claimed: dict[str, list[int]] = {}
    for index, pipeline in enumerate(topology.pipelines):
        model = adapters.get(pipeline.adapter)
        if model is None:
            mend = did_you_mean(pipeline.adapter, adapters) or f"use one of {', '.join(sorted(adapters))}"
            report.error(("pipelines", index, "adapter"), f"there is no adapter {quote(pipeline.adapter)}", mend)
            continue
        try:
            config = model.model_validate(pipeline.config)
        except ValidationError as err:
            tell_all(err, model, ("pipelines", index, "config"), report)
            continue
        if pipeline.asset is None:
            for nameless in nameless_of(config) or ():
                report.error(("pipelines", index, "config", *nameless.path), nameless.fault, nameless.mend)
        if pipeline.enabled and pipeline.poll_interval_s is not None:
            for haste in haste_of(config, pipeline.poll_interval_s):
                report.warning(("pipelines", index, "poll_interval_s"), haste.fault, haste.mend)
        for claim in claims_of(config):
            owners = claimed.setdefault(claim, [])
            owner = next((other for other in owners if meet(pipeline, topology.pipelines[other])), None)
            if owner is not None:
                place = report.place_of(("pipelines", owner), ("pipelines", index))
                message = f"pipeline {quote(topology.pipelines[owner].id)} in {place} has {claim} too"
                report.error(("pipelines", index, "config"), message, ONE_OWNER)
            owners.append(index)


def meet(one: Pipeline, other: Pipeline) -> bool:
    """Whether both may run on one machine."""
    same = one.gateway == other.gateway or None in (one.gateway, other.gateway)
    return same and one.enabled and other.enabled
