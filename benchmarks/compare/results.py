"""Results of comparisons as files: benchmarks/results/<workload>.json."""

from __future__ import annotations

from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from ironstream.bench.measure import Machine
from ironstream.errors import ConfigurationError

RunT = TypeVar("RunT")
FiguresT = TypeVar("FiguresT")


class Result(msgspec.Struct, Generic[RunT, FiguresT]):
    """One contender: on which machine, when, from which runs; `figures` is None where none came about."""

    title: str
    machine: Machine
    date: str
    parallelism: int
    runs: list[RunT]
    figures: FiguresT | None


class Results(msgspec.Struct, Generic[RunT, FiguresT]):
    """All contenders of a workload by name.

    `left_out`: those that could not take part, and why; `failed`: those with a run that counts for nothing, and why.
    """

    workload: str
    title: str
    contenders: dict[str, Result[RunT, FiguresT]]
    left_out: dict[str, str]
    failed: dict[str, str]


def read(path: Path, kind: type[Results[RunT, FiguresT]]) -> Results[RunT, FiguresT] | None:
    """What a file holds; None when there is none. Raises ConfigurationError for what is no file of such results."""
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except msgspec.MsgspecError as err:
        raise ConfigurationError(
            f"{path} holds no results: {err}", "Move it away, or name another folder: --results."
        ) from err


def write(path: Path, results: Results[RunT, FiguresT]) -> None:
    """Write a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")
    beside.replace(path)
