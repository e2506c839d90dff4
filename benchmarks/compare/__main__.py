"""`python -m benchmarks.compare`: the command."""

from __future__ import annotations

import logging
import signal
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from benchmarks.compare.compare import compare
from benchmarks.compare.contenders import chosen
from benchmarks.compare.plant import Pipeline
from benchmarks.compare.power import Power
from benchmarks.compare.report import results_table
from benchmarks.compare.workload import Workload
from ironstream.bench.measure import machine
from ironstream.bench.report import machine_line
from ironstream.commands.output import err, out, print_error, run
from ironstream.errors import ConfigurationError, IronstreamError

WORKLOADS: Final[dict[str, Workload]] = {"w1": Power(), "w2": Pipeline()}
_RESULTS: Final = Path(__file__).parents[1] / "results"

app = typer.Typer(pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]})


@app.command()
def main(
    workload: Annotated[str, typer.Argument(help="w1 (windowed aggregation) or w2 (the whole pipeline).")],
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; medians of them are shown.")] = 3,
    only: Annotated[str, typer.Option(help="Contenders, separated by commas. Default: all.")] = "",
    short: Annotated[int | None, typer.Option(min=1, help="Records of a short run.")] = None,
    long: Annotated[int | None, typer.Option(min=1, help="Records of a long run.")] = None,
    parallelism: Annotated[int, typer.Option(min=1, help="Threads or processes of a contender.")] = 2,
    results: Annotated[Path, typer.Option(help="Folder of the results.")] = _RESULTS,
) -> None:
    """Measure contenders on the same work, check every value, and write benchmarks/results/WORKLOAD.json."""
    if (work := WORKLOADS.get(workload)) is None:
        raise ConfigurationError(f"{workload} is no workload.", f"There are: {', '.join(WORKLOADS)}.")
    sizes = short or work.sizes[0], long or work.sizes[1]
    loads = [work.load(size).records for size in sizes]
    if loads[0] >= loads[1]:
        raise ConfigurationError("A long run must be longer than a short one.", "Raise --long or lower --short.")
    contenders = chosen(workload, [name.strip() for name in only.split(",") if name.strip()])
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    found = run(
        compare(
            work,
            contenders,
            rounds=rounds,
            sizes=sizes,
            parallelism=parallelism,
            path=results / f"{workload}.json",
            say=lambda text: err().print(text, markup=False),
        )
    )
    out().print(results_table(found), "")
    out().print(machine_line(machine(own_kafka=True)))
    for what, reasons in (("left out", found.left_out), ("failed", found.failed)):
        for name, reason in reasons.items():
            out().print(f"{what}: {name}: {reason}", markup=False)
    # who is named must take part; who is not there otherwise is no failure
    if found.failed or (only and found.left_out):
        raise typer.Exit(1)


if __name__ == "__main__":
    # ends like Ctrl-C: processes are stopped, and the folder with gigabytes of logs goes
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except IronstreamError as error:
        print_error(error)
        sys.exit(error.exit_code)
