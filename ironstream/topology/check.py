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
from ironstream.topology.checks.alarms import check_alarms
from ironstream.topology.checks.plant import check_plant
from ironstream.topology.checks.processes import check_processes
from ironstream.topology.checks.references import Names, check_references
from ironstream.topology.checks.report import Report
from ironstream.topology.checks.secrets import check_secrets
from ironstream.topology.checks.sinks import check_sinks
from ironstream.topology.checks.structure import sound_part, tell_all
from ironstream.topology.faults import Fault, TopologyError, did_you_mean, quote
from ironstream.topology.load import MAX_BYTES, load
from ironstream.topology.model import Pipeline, Topology
from ironstream.topology.resolve import declared_assets
from ironstream.topology.sinks import SinkSorts

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
    with no_collection():
        return _check(text, filename, adapters, sinks)


def load_topology(path: Path, adapters: AdapterModels | None = None, sinks: SinkSorts | None = None) -> Topology:
    """The topology in a file, checked. Raises TopologyError with all faults when it cannot be read or used."""
    return parse_topology(read_topology(path), path, adapters, sinks)


def read_topology(path: Path) -> bytes:
    """The bytes of a topology file, not checked; never many more than one may have. Raises TopologyError."""
    try:
        with path.open("rb") as file:
            # one byte more than allowed is enough to refuse it, whatever its size
            return file.read(MAX_BYTES + 1)
    except OSError as err:
        message = f"{path}: cannot be read: {err.strerror or err}"
        raise TopologyError(message, [], "name a topology file that exists and that this user may read") from err


def parse_topology(
    text: bytes, path: Path, adapters: AdapterModels | None = None, sinks: SinkSorts | None = None
) -> Topology:
    """The topology in the bytes of the file `path`, checked. Raises TopologyError with all faults."""
    result = check_text(text, str(path), adapters, sinks)
    if result.topology is None:
        errors = result.errors
        listing = "\n".join(str(fault) for fault in result.faults)
        message = f"{path}: {len(errors)} error{'s' if len(errors) != 1 else ''}\n{listing}"
        raise TopologyError(message, result.faults, "mend the lines above; a running system keeps the version it has")
    return result.topology


def _check(text: bytes, filename: str, adapters: AdapterModels | None, sinks: SinkSorts | None) -> CheckResult:
    root, unreadable = load(text, filename)
    if root is None:
        return CheckResult(None, unreadable)
    report = Report(root, filename)
    check_secrets(root, report)
    names = Names.of(root)
    topology, whole = sound_part(root, report)
    check_references(topology, names, report)
    if adapters is not None:
        _check_configurations(topology, adapters, report)
    assets = declared_assets(topology)
    check_plant(topology, assets, report)
    check_alarms(topology, assets, whole, report)
    check_processes(topology, report)
    check_sinks(topology, sinks, report)
    faults = sorted([*unreadable, *report.faults], key=lambda fault: (fault.line, fault.column))
    sound = whole and all(fault.severity == "warning" for fault in faults)
    return CheckResult(topology if sound else None, faults)


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
        for claim in claims_of(config):
            owners = claimed.setdefault(claim, [])
            owner = next((other for other in owners if _meet(pipeline, topology.pipelines[other])), None)
            if owner is not None:
                line = report.line_of(("pipelines", owner))
                message = f"pipeline {quote(topology.pipelines[owner].id)} in line {line} has {claim} too"
                report.error(("pipelines", index, "config"), message, ONE_OWNER)
            owners.append(index)


def _meet(one: Pipeline, other: Pipeline) -> bool:
    """Whether both may run on one machine."""
    same = one.gateway == other.gateway or None in (one.gateway, other.gateway)
    return same and one.enabled and other.enabled
