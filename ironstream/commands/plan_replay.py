"""`ironstream plan --replay`: how a candidate and the version that holds differ in what they make of a recording."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import typer
from rich.text import Text

from ironstream.commands.output import out, print_table, progress, run
from ironstream.log import configure_logging
from ironstream.settings import Settings

if TYPE_CHECKING:
    from ironstream.topology import Topology
    from ironstream.whatif.report import Counts, Difference, RuleTransitions, SeriesTransitions

_SHOWN_MAX: Final = 20
"""Series of a rule, and series in all, in the tables; JSON has all."""
_SHORT_S: Final = 10.0
"""With a tick each second on every log, a recording that lacks more begins later than asked."""


def replayed(settings: Settings, before: Topology, after: Topology, length: timedelta) -> Difference:
    """Run both on what was recorded in the last `length`, with a progress bar on stderr. Raises BrokerError.

    On Ctrl-C and SIGTERM, too, nothing of it stays behind.
    """
    # Faust is costly to import, which every other command would pay for
    from ironstream.whatif.replay import replay

    configure_logging("WARNING", settings.log_format)
    with progress() as bar:
        shown = bar.add_task("replaying", total=None)

        async def work() -> Difference:
            task = asyncio.current_task()
            assert task is not None
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGTERM, task.cancel)
            try:
                return await replay(
                    settings, before, after, length, lambda done, of: bar.update(shown, completed=done, total=of)
                )
            finally:
                loop.remove_signal_handler(signal.SIGTERM)

        try:
            return run(work(), settings.bootstrap)
        except asyncio.CancelledError:
            raise typer.Exit(128 + signal.SIGTERM) from None


def show(difference: Difference, before: str, after: str) -> None:
    """Print what differs, on stdout."""
    console = out()
    recording = difference.recording
    records = sum(recording.records.values())
    console.print(Text(f"\nReplay of {records:,} records, {_clock(recording.begins)} to {_clock(recording.ends)}:"))
    if recording.missing_s > _SHORT_S:
        missing, asked = (timedelta(seconds=round(length)) for length in (recording.missing_s, recording.asked_s))
        told = f"The recording is shorter than asked: nothing of the first {missing} of {asked} is on the topics."
        console.print(Text(told, style="yellow"))
    console.print(
        Text(
            "Both begin without state: windows that were open and alarms that stood when the recording begins are in "
            "neither.",
            style="dim",
        )
    )
    if difference.same:
        console.print(Text(f"No difference: {after} makes the same of every record as {before}.", style="green"))
        return
    print_table("", ("what", "", before, after, "difference"), _rows(difference))
    transitions = [row for rule in difference.alarms for row in _alarm_rows(rule)]
    if transitions:
        console.print()
        print_table("Alarms", ("rule", "series", "would be gone", "would come", "changed"), transitions)
    concerned = difference.series
    console.print(Text(f"\n{len(concerned):,} series concerned:", style="bold"))
    for series in concerned[:_SHOWN_MAX]:
        console.print(Text(f"  {series}"))
    if len(concerned) > _SHOWN_MAX:
        console.print(Text(f"  {len(concerned) - _SHOWN_MAX:,} more: --output json has them all.", style="yellow"))


def _rows(found: Difference) -> list[tuple[Any, ...]]:
    clean = found.clean
    changed = f"{clean.changed:,} changed" if clean.changed else ""
    rows = [_row("clean readings", "", clean.readings, changed)]
    rows += _named("quality", clean.qualities)
    rows += _named("quality reason", clean.reasons)
    for topic, reasons in found.dead_letters.items():
        rows += _named(topic, reasons)
    for size in found.windows:
        told = [
            f"{count:,} {what}"
            for count, what in ((size.changed, "changed"), (size.gone, "gone"), (size.come, "new"))
            if count
        ]
        rows.append(_row("windows", f"{size.size_s} s", size.results, ", ".join(told)))
    for rule in found.alarms:
        rows += [_row(f"alarm {rule.rule}", state, counts) for state, counts in rule.states.items()]
    rows += _named("events", found.events)
    rows += _named("commands", found.commands)
    return rows


def _named(what: str, counted: Mapping[str, Counts]) -> list[tuple[Any, ...]]:
    return [_row(what, name, counts) for name, counts in counted.items()]


def _row(what: str, name: str, counts: Counts, more: str = "") -> tuple[Any, ...]:
    by = counts.after - counts.before
    told = ", ".join(part for part in (f"{by:+,}" if by else "", more) if part)
    return what, name, counts.before, counts.after, Text(told, style="yellow")


def _alarm_rows(rule: RuleTransitions) -> list[tuple[Any, ...]]:
    shown = [_alarm_row(rule.rule, series) for series in rule.series[:_SHOWN_MAX]]
    if len(rule.series) > _SHOWN_MAX:
        shown.append((rule.rule, f"{len(rule.series) - _SHOWN_MAX:,} more: --output json has them all", "", "", None))
    return shown


def _alarm_row(rule: str, series: SeriesTransitions) -> tuple[Any, ...]:
    return rule, series.series, _states(series.gone), _states(series.come), series.changed or None


def _states(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {state}" for state, count in sorted(counted.items()))


def _clock(time: str) -> str:
    return time[:19].replace("T", " ") if time else "nothing"
