"""The live view of the demo: a scene drawn for a terminal of any size."""

from __future__ import annotations

from typing import Any, Final

from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ironstream.commands.alarms import STATE_STYLES
from ironstream.contract import AlarmState
from ironstream.demo.scene import BABBLER, SIZES_S, STALE_AFTER_S, Milestone, Scene, Series

WIDE: Final = 125
"""From this width on, readings and the rest stand side by side."""
_QUALITY_STYLES: Final = {"GOOD": "green", "SUSPECT": "yellow", "UNCERTAIN": "yellow", "BAD": "bold red"}
_SEVERITY_STYLES: Final = {"CRITICAL": "bold red", "HIGH": "red", "MEDIUM": "yellow"}
_HEAD_LINES: Final = 3
_FRAME_COLUMNS: Final = 4
_FOOT_LINES: Final = 1
_FRAME_LINES: Final = 3


def draw(scene: Scene, at_s: float, now_us: int, *, width: int, height: int, hint: str = "") -> RenderableType:
    """The whole screen. `at_s` is the time since the set-up, `hint` the line at the bottom."""
    layout = Layout()
    body = Layout(name="body")
    seen = _seen(scene, width - _FRAME_COLUMNS)
    head = _HEAD_LINES + len(seen)
    layout.split_column(
        Layout(_head(scene, at_s, seen), size=head), body, Layout(Text(hint, style="dim"), size=_FOOT_LINES)
    )
    lines = max(8, height - head - _FOOT_LINES)
    if width >= WIDE:
        right = Layout(name="right", ratio=5)
        body.split_row(Layout(_readings(scene, now_us, lines - _FRAME_LINES), ratio=8), right)
        alarms, events = _shares(lines, len(scene.alarms), len(scene.dead_letters))
    else:
        right = Layout(name="below")
        above = max(6, lines // 2)
        body.split_column(Layout(_readings(scene, now_us, above - _FRAME_LINES), size=above), right)
        alarms, events = _shares(lines - above, len(scene.alarms), len(scene.dead_letters))
    right.split_column(
        Layout(_alarms(scene, alarms - 2), size=alarms),
        Layout(_events(scene, events - 2), size=events),
        Layout(_dead_letters(scene)),
    )
    return layout


def _shares(lines: int, alarms: int, reasons: int) -> tuple[int, int]:
    """Lines for alarms and events; the rest, at least one per reason where there is room, is for dead letters."""
    letters = min(max(reasons, 1) + 2, max(3, lines // 4))
    alarm_lines = min(2 * max(alarms, 1) + 2, max(4, (lines - letters) * 2 // 3))
    return alarm_lines, max(3, lines - letters - alarm_lines)


def _head(scene: Scene, at_s: float, seen: list[Text]) -> RenderableType:
    facts = Text.assemble(
        ("ironstream demo", "bold"),
        f"   {_clock(at_s)}   ",
        (f"{scene.readings_per_s(at_s):,.0f}", "bold cyan"),
        " readings/s   lag ",
        ("-" if scene.lag is None else f"{scene.lag:,}", "bold cyan"),
        " records   ",
        ("-" if scene.delay_s is None else f"{scene.delay_s * 1000:,.0f} ms", "bold cyan"),
        " from Kafka to here",
        no_wrap=True,
        overflow="ellipsis",
    )
    return Panel(Group(facts, *seen), border_style="cyan")


def _seen(scene: Scene, width: int) -> list[Text]:
    """The milestones in lines that are not wider; each stays whole."""
    lines = [Text("seen:", no_wrap=True, overflow="ellipsis")]
    for milestone in Milestone:
        found = milestone in scene.milestones
        said = f"  {'✔' if found else '·'} {milestone}"
        if lines[-1].cell_len + len(said) > width:
            lines.append(Text("     ", no_wrap=True, overflow="ellipsis"))
        lines[-1].append(said, style="green" if found else "dim")
    return lines


def _readings(scene: Scene, now_us: int, rows: int) -> RenderableType:
    table = Table(box=None, expand=True, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("asset", no_wrap=True)
    table.add_column("parameter", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("unit", no_wrap=True)
    table.add_column("age", justify="right", no_wrap=True)
    table.add_column("quality", no_wrap=True, overflow="ellipsis", ratio=1)
    for size_s in SIZES_S:
        table.add_column(f"{size_s} s avg", justify="right", no_wrap=True)
    shown = _chosen(scene, rows)
    before = ""
    for series in shown:
        name = series.asset if series.asset != before else ""
        before = series.asset
        table.add_row(Text(name, style="bold"), *_cells(series, now_us))
    hidden = len(scene.series) - len(shown)
    subtitle = f"{hidden} more in a taller window" if hidden else None
    return Panel(table, title="readings", subtitle=subtitle, title_align="left", border_style="dim")


def _chosen(scene: Scene, rows: int) -> list[Series]:
    """As many as fit: measured values before states and counters, each asset together."""
    ranked = sorted(scene.series.values(), key=lambda one: (_rank(one), one.asset, one.parameter))
    return sorted(ranked[: max(rows, 1)], key=lambda one: (one.asset, _rank(one), one.parameter))


def _rank(series: Series) -> int:
    if series.quality not in ("GOOD", ""):
        return 0
    return 1 if series.unit else 2


def _cells(series: Series, now_us: int) -> list[Text]:
    age_s = series.age_s(now_us)
    stale = age_s > STALE_AFTER_S
    dim = "dim strike" if stale else ""
    number = Text(_number(series.value), style=dim or "bold")
    age = Text(f"{age_s:.1f} s" if age_s < 100 else f"{age_s:.0f} s", style="bold red" if stale else "dim")
    told = " ".join([series.quality, *(reason.replace("_", " ") for reason in series.reasons)])
    quality = Text(f"STALE, was {told}" if stale else told, style="red" if stale else _style(series.quality))
    windows = [Text(_number(series.windows.get(size_s, {}).get("avg")), style=dim) for size_s in SIZES_S]
    return [Text(series.parameter), number, Text(series.unit, style="dim"), age, quality, *windows]


def _alarms(scene: Scene, rows: int) -> RenderableType:
    text = Text(no_wrap=True, overflow="ellipsis")
    standing = sorted(
        scene.alarms.values(), key=lambda alarm: (alarm.state == AlarmState.CLEARED, _reversed(alarm.history[-1][1]))
    )
    for alarm in standing[: max(1, rows // 2)]:
        text.append(f"{alarm.severity} ", style=_SEVERITY_STYLES.get(alarm.severity, "dim"))
        text.append(f"{alarm.message or alarm.type}\n")
        text.append("  ")
        for place, (state, time) in enumerate(alarm.history[-3:]):
            text.append(" → " if place else "", style="dim")
            text.append(f"{state} ", style=STATE_STYLES.get(AlarmState(state), ""))
            text.append(_time(time), style="dim")
        if alarm.actor:
            text.append(f"  by {alarm.actor}", style="dim")
        text.append("\n")
    if not standing:
        text.append("none yet", style="dim")
    return Panel(text, title=f"alarms ({len(scene.alarms)})", title_align="left", border_style="dim")


def _events(scene: Scene, rows: int) -> RenderableType:
    text = Text(no_wrap=True, overflow="ellipsis")
    newest = sorted(scene.events.values(), key=lambda event: event.time, reverse=True)
    for event in newest[: max(1, rows)]:
        text.append(f"{_time(event.time)} ", style="dim")
        text.append(f"{event.asset} ", style="bold")
        text.append(event.text)
        text.append(f"  × {event.count}\n" if event.count > 1 else "\n", style="dim")
    if not newest:
        text.append("none yet", style="dim")
    return Panel(text, title="events", title_align="left", border_style="dim")


def _dead_letters(scene: Scene) -> RenderableType:
    text = Text(no_wrap=True, overflow="ellipsis")
    for reason, letters in sorted(scene.dead_letters.items(), key=lambda item: -item[1].count):
        text.append(f"{letters.count:>6,} ", style="bold")
        text.append(f"{reason}  ", style="yellow")
        if letters.on_purpose == letters.count:
            text.append(f"on purpose: {BABBLER} babbles  ")
        text.append(f"{letters.detail}\n", style="dim")
    if not scene.dead_letters:
        text.append("none yet", style="dim")
    return Panel(text, title="dead letters", title_align="left", border_style="dim")


def _style(quality: str) -> str:
    return _QUALITY_STYLES.get(quality, "")


def _number(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:,.2f}" if isinstance(value, float) else str(value)


def _time(wire: str) -> str:
    """Time of day of an ISO-8601 time."""
    return wire[11:19]


def _reversed(text: str) -> tuple[int, ...]:
    """Sorts texts the other way round."""
    return tuple(-ord(sign) for sign in text)


def _clock(at_s: float) -> str:
    minutes, seconds = divmod(int(max(0.0, at_s)), 60)
    return f"{minutes:02}:{seconds:02}"
