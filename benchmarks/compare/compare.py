"""The comparison itself: rounds of all contenders in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from rich.table import Table

from benchmarks.compare.contenders import Contender
from benchmarks.compare.results import FiguresT, Result, Results, RunT, read, write
from benchmarks.compare.session import Session, session
from ironstream.bench.deployment import BenchError
from ironstream.bench.measure import machine
from ironstream.errors import ConfigurationError

Say = Callable[[str], None]


class Experiment(Protocol[RunT, FiguresT]):
    """How contenders are measured on a workload, and what is made of the measurements."""

    @property
    def name(self) -> str:
        """The workload's."""

    @property
    def title(self) -> str:
        """The workload's."""

    @property
    def kind(self) -> type[Results[RunT, FiguresT]]:
        """What the file of its results holds."""

    async def round(self, session: Session, contender: Contender, parallelism: int, say: Say) -> list[RunT]:
        """The runs of one contender in one round. Raises BenchError when one of them counts for nothing."""

    def figures(self, runs: Sequence[RunT]) -> FiguresT:
        """Of all runs of a contender, round by round. Raises ValueError where they give none."""

    def table(self, results: Results[RunT, FiguresT]) -> Table:
        """The figures for people."""


async def compare(
    experiment: Experiment[RunT, FiguresT],
    contenders: Sequence[Contender],
    *,
    rounds: int,
    parallelism: int,
    path: Path,
    say: Say,
) -> Results[RunT, FiguresT]:
    """Measure and write the results after each round. A contender with a run that fails has no figures.

    Contenders in the file that are not measured now stay there, each with its own machine and date. Raises
    ConfigurationError when they were measured on other work.
    """
    before = read(path, experiment.kind)
    if before is not None and before.title != experiment.title:
        raise ConfigurationError(
            f"{path} holds figures of other work, which these must not stand beside: {before.title}",
            "Move it away, or name another folder: --results.",
        )
    kept = dict(before.contenders) if before else {}
    results: Results[RunT, FiguresT] = Results(experiment.name, experiment.title, kept, {}, {})
    able: list[Contender] = []
    for contender in contenders:
        if (missing := contender.prepare()) is None:
            able.append(contender)
        else:
            results.left_out[contender.name] = missing
            say(f"{contender.name} is left out: {missing}")
    facts, date = machine(own_kafka=True), datetime.now(UTC).isoformat(timespec="seconds")
    runs: dict[str, list[RunT]] = {contender.name: [] for contender in able}
    async with session() as place:
        for number in range(rounds):
            # nobody is always first, when the machine is still cool, or after the same neighbour
            turn = number % max(1, len(able))
            for contender in able[turn:] + able[:turn]:
                if contender.name in results.failed:
                    continue
                try:
                    found = await experiment.round(place, contender, parallelism, say)
                except BenchError as err:
                    results.failed[contender.name] = err.message
                    results.contenders.pop(contender.name, None)
                    say(str(err))
                    continue
                done = runs[contender.name]
                done += found
                results.contenders[contender.name] = Result(
                    contender.title, facts, date, parallelism, done, _figures(experiment, done, say)
                )
                write(path, results)
    write(path, results)
    return results


def _figures(experiment: Experiment[RunT, FiguresT], runs: Sequence[RunT], say: Say) -> FiguresT | None:
    try:
        return experiment.figures(runs)
    except ValueError as err:
        say(f"no figures: {err}")
        return None
