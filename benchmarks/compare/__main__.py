"""`python -m benchmarks.compare`: the command."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Final

import typer

from benchmarks.command import run_command
from benchmarks.compare.burst import Burst
from benchmarks.compare.compare import Experiment, compare
from benchmarks.compare.contenders import chosen
from benchmarks.compare.plant import Pipeline
from benchmarks.compare.power import Power
from benchmarks.compare.results import FiguresT, RunT
from benchmarks.compare.throughput import Throughput
from benchmarks.compare.workload import Workload
from ironstream.bench.measure import machine
from ironstream.bench.report import machine_line
from ironstream.commands.output import err, out, run
from ironstream.errors import ConfigurationError

WORKLOADS: Final[dict[str, Workload]] = {"w1": Power(), "w2": Pipeline()}
_RESULTS: Final = Path(__file__).parents[1] / "results"

app = typer.Typer(pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]})


@app.command()
def main(
    workload: Annotated[str, typer.Argument(help="w1: windowed aggregation, w2: the whole pipeline, w3: a burst.")],
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; medians of them are shown.")] = 3,
    only: Annotated[str, typer.Option(help="Contenders, separated by commas. Default: all.")] = "",
    short: Annotated[int | None, typer.Option(min=1, help="w1, w2: records of a short run.")] = None,
    long: Annotated[int | None, typer.Option(min=1, help="w1, w2: records of a long run.")] = None,
    rate: Annotated[int, typer.Option(min=1, help="w3: readings a second before and after the burst.")] = 20_000,
    times: Annotated[float, typer.Option(min=1, help="w3: how many times that the burst is.")] = 10,
    warm_up: Annotated[float, typer.Option(min=1, help="w3: seconds of readings that do not count.")] = 20,
    before: Annotated[float, typer.Option(min=1, help="w3: seconds before the burst.")] = 20,
    seconds: Annotated[float, typer.Option(min=0.1, help="w3: seconds of the burst.")] = 10,
    after: Annotated[float, typer.Option(min=1, help="w3: seconds after it.")] = 60,
    parallelism: Annotated[int, typer.Option(min=1, help="Threads or processes of a contender.")] = 2,
    results: Annotated[Path, typer.Option(help="Folder of the results.")] = _RESULTS,
) -> None:
    """Measure contenders on the same work, check what comes out, and write benchmarks/results/WORKLOAD.json."""
    names = [name.strip() for name in only.split(",") if name.strip()]
    if (work := WORKLOADS.get(workload)) is not None:
        _measure(Throughput(work, short, long), rounds, names, parallelism, results)
    elif workload == Burst.name:
        _measure(Burst(rate, times, warm_up, before, seconds, after), rounds, names, parallelism, results)
    else:
        raise ConfigurationError(f"{workload} is no workload.", f"There are: {', '.join([*WORKLOADS, Burst.name])}.")


def _measure(
    experiment: Experiment[RunT, FiguresT], rounds: int, only: list[str], parallelism: int, folder: Path
) -> None:
    contenders = chosen(experiment.name, only)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    found = run(
        compare(
            experiment,
            contenders,
            rounds=rounds,
            parallelism=parallelism,
            path=folder / f"{experiment.name}.json",
            say=lambda text: err().print(text, markup=False),
        )
    )
    out().print(experiment.table(found), "")
    out().print(machine_line(machine(own_kafka=True)))
    for what, reasons in (("left out", found.left_out), ("failed", found.failed)):
        for name, reason in reasons.items():
            out().print(f"{what}: {name}: {reason}", markup=False)
    # who is named must take part; who is not there otherwise is no failure
    if found.failed or (only and found.left_out):
        raise typer.Exit(1)


if __name__ == "__main__":
    run_command(app)
