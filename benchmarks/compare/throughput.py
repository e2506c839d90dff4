"""How fast contenders work off an input that is all there: a short and a long run each round."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from benchmarks.compare.compare import Say
from benchmarks.compare.contenders import Contender
from benchmarks.compare.figures import Figures, figures
from benchmarks.compare.finite import Run, measure
from benchmarks.compare.report import throughput_table
from benchmarks.compare.results import Results
from benchmarks.compare.session import Session
from benchmarks.compare.workload import Workload
from ironstream.errors import ConfigurationError


class Throughput:
    """A workload at two sizes, in records; what a record takes is the difference."""

    kind = Results[Run, Figures]

    def __init__(self, workload: Workload, short: int | None = None, long: int | None = None) -> None:
        """Sizes that are None are the workload's. Raises ConfigurationError when short is not less than long."""
        self.name, self.title = workload.name, workload.title
        self._workload = workload
        self._sizes = short or workload.sizes[0], long or workload.sizes[1]
        loads = [workload.load(size).records for size in self._sizes]
        if loads[0] >= loads[1]:
            raise ConfigurationError("A long run must be longer than a short one.", "Raise --long or lower --short.")

    async def round(self, session: Session, contender: Contender, parallelism: int, say: Say) -> list[Run]:
        """The short run, then the long one. Raises BenchError when an output is missing or wrong."""
        runs = []
        for size in contender.sizes(self._sizes):
            run = await measure(session, contender, self._workload, self._workload.load(size), parallelism)
            say(
                f"{run.contender}: {run.records:,} records in {run.wall_s:.1f} s, {run.cpu_s:.1f} s CPU, "
                f"broker {run.broker_cpu_s:.1f} s, reader {run.reader_cpu_s:.1f} s, {run.peak_mib:.0f} MiB, "
                f"{run.outputs:,} outputs"
            )
            runs.append(run)
        return runs

    def figures(self, runs: Sequence[Run]) -> Figures:
        """Of short and long runs in turn. Raises ValueError when a long run took no longer than its short one."""
        return figures(runs[0::2], runs[1::2])

    def table(self, results: Results[Run, Figures]) -> Table:
        """Contenders, the fastest first."""
        return throughput_table(results)
