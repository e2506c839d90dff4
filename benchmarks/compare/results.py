"""Results of comparisons as files: benchmarks/results/<workload>.json."""

from __future__ import annotations

from pathlib import Path

import msgspec

from benchmarks.compare.figures import Figures
from benchmarks.compare.session import Run
from ironstream.bench.measure import Machine
from ironstream.errors import ConfigurationError


class Result(msgspec.Struct):
    """One contender: on which machine, when, from which runs; `figures` is None where none came about."""

    title: str
    machine: Machine
    date: str
    parallelism: int
    runs: list[Run]
    figures: Figures | None


class Results(msgspec.Struct):
    """All contenders of a workload by name.

    `left_out`: those that could not take part, and why; `failed`: those with a run that counts for nothing, and why.
    """

    workload: str
    title: str
    contenders: dict[str, Result]
    left_out: dict[str, str]
    failed: dict[str, str]


def read(path: Path) -> Results | None:
    """What a file holds; None when there is none. Raises ConfigurationError for what is no file of results."""
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Results)
    except msgspec.MsgspecError as err:
        raise ConfigurationError(
            f"{path} holds no results: {err}", "Move it away, or name another folder: --results."
        ) from err


def write(path: Path, results: Results) -> None:
    """Write a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")
    beside.replace(path)
