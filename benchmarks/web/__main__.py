"""`python -m benchmarks.web`: the command."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import Annotated

import typer

from benchmarks.command import run_command
from benchmarks.web.measure import Sample, WebResult, measure_web
from ironstream.bench.report import machine_line
from ironstream.commands.options import OutputOption
from ironstream.commands.output import Output, err, out, print_json, print_table, run

app = typer.Typer(pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]})


@app.command()
def main(
    series: Annotated[int, typer.Option(min=100, help="Series of the plant.")] = 10_000,
    alarms: Annotated[int, typer.Option(min=10, help="Alarms that stand, unacknowledged.")] = 1000,
    hz: Annotated[float, typer.Option(min=0.01, help="Readings of each series in a second.")] = 1.0,
    minutes: Annotated[float, typer.Option(min=1, help="How long memory is watched.")] = 60.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """How soon the pages are there, how soon a reading is on the screen, how they scroll, and what they hold."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    found = run(
        measure_web(
            series=series, alarms=alarms, hz=hz, minutes=minutes, say=lambda text: err().print(text, markup=False)
        )
    )
    if output is Output.JSON:
        print_json(asdict(found))
        return
    _show(found)


def _show(found: WebResult) -> None:
    out().print(
        f"{found.series:,} series, {found.alarms:,} unacknowledged alarms, {found.readings_per_s:,.0f} readings/s; "
        f"state read {', '.join(f'{one:.1f}' for one in found.ready_s)} s after the start"
    )
    rows = [(one.page, f"{one.contentful_ms:.0f}", f"{one.data_ms:.0f}") for one in found.first_paint]
    print_table("first paint, empty cache, medians (ms)", ("page", "first contentful paint", "first data"), rows)
    pixel = found.to_pixel
    print_table(
        f"until a value is on the screen, {pixel.readings} readings (ms)",
        ("since", "p50", "p99", "max"),
        [
            ("raw reading sent", *(f"{one:.0f}" for one in (pixel.raw_p50_ms, pixel.raw_p99_ms, pixel.raw_max_ms))),
            (
                "clean reading in Kafka",
                *(f"{one:.0f}" for one in (pixel.clean_p50_ms, pixel.clean_p99_ms, pixel.clean_max_ms)),
            ),
        ],
    )
    print_table(
        "scrolling (ms between frames)",
        ("list", "frames", "p50", "p99", "longest", "scripts over 50 ms"),
        [
            (one.page, one.frames, f"{one.p50_ms:.1f}", f"{one.p99_ms:.1f}", f"{one.longest_ms:.0f}", one.long_tasks)
            for one in found.smoothness
        ],
    )
    step = max(1, len(found.memory) // 6)
    shown: list[Sample] = found.memory[::step]
    if shown[-1] is not found.memory[-1]:
        shown.append(found.memory[-1])
    print_table(
        "memory",
        ("minute", "web process, MiB", "page's heap, MiB", "elements", "listeners"),
        [
            (f"{one.minute:.0f}", f"{one.web_mib:.0f}", f"{one.page.heap_mib:.1f}", one.page.nodes, one.page.listeners)
            for one in shown
        ],
    )
    out().print(machine_line(found.machine))


if __name__ == "__main__":
    run_command(app)
