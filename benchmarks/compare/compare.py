"""The comparison itself: rounds of all contenders in turn, each at a short and a long size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.compare.contenders import Contender
from benchmarks.compare.figures import Figures, figures
from benchmarks.compare.results import Result, Results, read, write
from benchmarks.compare.session import Run, Session, session
from benchmarks.compare.workload import Workload
from ironstream.bench.deployment import BenchError
from ironstream.bench.measure import machine

Say = Callable[[str], None]


async def compare(
    workload: Workload,
    contenders: Sequence[Contender],
    *,
    rounds: int,
    sizes: tuple[int, int],
    parallelism: int,
    path: Path,
    say: Say,
) -> Results:
    """Measure and write the results after each round. A contender with a run that fails has no figures.

    Contenders in the file that are not measured now stay there, each with its own machine and date.
    """
    before = read(path)
    results = Results(workload.name, workload.title, dict(before.contenders) if before else {}, {}, {})
    able: list[Contender] = []
    for contender in contenders:
        if (missing := contender.prepare()) is None:
            able.append(contender)
        else:
            results.left_out[contender.name] = missing
            say(f"{contender.name} is left out: {missing}")
    facts, date = machine(own_kafka=True), datetime.now(UTC).isoformat(timespec="seconds")
    runs: dict[str, list[Run]] = {contender.name: [] for contender in able}
    async with session() as place:
        for number in range(rounds):
            # nobody is always first, when the machine is still cool, or after the same neighbour
            turn = number % max(1, len(able))
            for contender in able[turn:] + able[:turn]:
                if contender.name in results.failed:
                    continue
                try:
                    pair = [
                        await _run(place, contender, workload, size, parallelism, say)
                        for size in contender.sizes(sizes)
                    ]
                except BenchError as err:
                    results.failed[contender.name] = err.message
                    results.contenders.pop(contender.name, None)
                    say(str(err))
                    continue
                runs[contender.name] += pair
                results.contenders[contender.name] = Result(
                    contender.title, facts, date, parallelism, runs[contender.name], _figures(runs[contender.name], say)
                )
                write(path, results)
    write(path, results)
    return results


async def _run(place: Session, contender: Contender, workload: Workload, size: int, parallelism: int, say: Say) -> Run:
    run = await place.run(contender, workload, workload.load(size), parallelism)
    say(
        f"{run.contender}: {run.records:,} records in {run.wall_s:.1f} s, {run.cpu_s:.1f} s CPU, "
        f"broker {run.broker_cpu_s:.1f} s, reader {run.reader_cpu_s:.1f} s, {run.peak_mib:.0f} MiB, "
        f"{run.outputs:,} outputs"
    )
    return run


def _figures(runs: Sequence[Run], say: Say) -> Figures | None:
    try:
        return figures(runs[0::2], runs[1::2])
    except ValueError as err:
        say(f"no figures: {err}")
        return None
