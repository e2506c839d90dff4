"""`python -m benchmarks.plot [FOLDER]`: throughput of the comparison as pictures, an SVG beside each JSON file."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

from benchmarks.compare.figures import Figures, Spread
from benchmarks.compare.finite import Run
from benchmarks.compare.results import Result, Results, read

_RESULTS: Final = Path(__file__).parent / "results"
_NOT_DRAWN: Final = ("w3.json",)
"""Files with figures of another kind, which a table shows."""
_OURS: Final = "ironstream"
_LABELS_PX: Final = 215
_PANEL_PX: Final = 330
_NUMBER_PX: Final = 70
_GAP_PX: Final = 30
_ROW_PX: Final = 30
_TOP_PX: Final = 74
_BAR_PX: Final = 16
_WIDTH_PX: Final = _LABELS_PX + 2 * _PANEL_PX + 2 * _GAP_PX
_STYLE: Final = (
    "text{font:13px system-ui,sans-serif;fill:#222}.title{font-size:16px;font-weight:600}"
    ".small{font-size:11px;fill:#666}.bar{fill:#9aa5b1}.ours{fill:#d9480f}.range{stroke:#222;stroke-width:1.2;fill:none}.axis{stroke:#ccc}"
)


@dataclass(frozen=True, slots=True)
class _Panel:
    title: str
    left_px: float
    values: list[Spread]

    def bar(self, row: int, ours: bool) -> list[str]:
        """A bar to the median, a line over the range, the number at its end."""
        spread, top = self.values[row], _TOP_PX + row * _ROW_PX + (_ROW_PX - _BAR_PX) / 2
        longest = max(one.high for one in self.values)
        median, low, high = (
            (_PANEL_PX - _NUMBER_PX) * max(value, 0.0) / longest for value in (spread.median, spread.low, spread.high)
        )
        middle, left = top + _BAR_PX / 2, self.left_px
        kind = "bar ours" if ours else "bar"
        return [
            f'<rect class="{kind}" x="{left:.1f}" y="{top:.1f}" width="{median:.1f}" height="{_BAR_PX}" rx="2"/>',
            f'<path class="range" d="M{left + low:.1f} {middle - 4:.1f}v8m0 -4H{left + high:.1f}m0 -4v8"/>',
            f'<text x="{left + max(median, high) + 6:.1f}" y="{middle + 4.5:.1f}">{_number(spread.median)}</text>',
        ]


def svg(results: Results[Run, Figures]) -> str:
    """Bars of the medians with lines over the ranges, the fastest first. Raises ValueError without any figures."""
    done = sorted(
        ((one.figures.records_per_s.median, name, one) for name, one in results.contenders.items() if one.figures),
        key=lambda found: -found[0],
    )
    if not done:
        raise ValueError(f"{results.workload}: there are no figures")
    figures = [one.figures for _, _, one in done if one.figures]
    panels = (
        _Panel("records/s (more is better)", _LABELS_PX, [one.records_per_s for one in figures]),
        _Panel(
            "CPU s per million records, broker not counted (less is better)",
            _LABELS_PX + _PANEL_PX + _GAP_PX,
            [one.cpu_s_per_million for one in figures],
        ),
    )
    height = _TOP_PX + _ROW_PX * len(done) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH_PX} {height}" role="img">',
        f'<style>{_STYLE}</style><rect width="{_WIDTH_PX}" height="{height}" fill="#fff"/>',
        f'<text class="title" x="12" y="26">{escape(results.title)}</text>',
    ]
    for panel in panels:
        parts.append(f'<text class="small" x="{panel.left_px}" y="{_TOP_PX - 16}">{escape(panel.title)}</text>')
        bottom = _TOP_PX + _ROW_PX * len(done)
        parts.append(f'<path class="axis" d="M{panel.left_px} {_TOP_PX - 6}V{bottom}"/>')
    for row, (_, name, one) in enumerate(done):
        y = _TOP_PX + row * _ROW_PX + _ROW_PX / 2 + 4.5
        parts.append(f'<text x="{_LABELS_PX - 10}" y="{y:.1f}" text-anchor="end">{escape(one.title)}</text>')
        for panel in panels:
            parts += panel.bar(row, name == _OURS)
    parts.append(
        f'<text class="small" x="12" y="{height - 14}">{escape(_origin([one for *_, one in done]))}</text></svg>'
    )
    return "\n".join(parts) + "\n"


def _origin(results: list[Result[Run, Figures]]) -> str:
    facts = results[0].machine
    rounds = min(one.figures.rounds for one in results if one.figures)
    return (
        f"{facts.cpus} CPUs with the broker on them, {facts.memory_mib / 1024:.0f} GiB, {facts.system}, "
        f"Kafka {facts.kafka}; parallelism {results[0].parallelism}; medians and ranges of at least {rounds} rounds"
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main(arguments: list[str]) -> int:
    """Draw every file of a folder with throughputs; the exit code."""
    folder = Path(arguments[0]) if arguments else _RESULTS
    paths = sorted(path for path in folder.glob("*.json") if path.name not in _NOT_DRAWN)
    if not paths:
        print(f"{folder} has no results: run `make bench-peers` first.", file=sys.stderr)
        return 1
    for path in paths:
        results = read(path, Results[Run, Figures])
        assert results is not None
        picture = path.with_suffix(".svg")
        picture.write_text(svg(results), encoding="utf-8")
        print(picture)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
