"""What Grafana makes of a query before it is sent: variables as its scenes do, macros as its PostgreSQL source does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ALL = None
"""Choice `All` of a variable that has a value of its own for it."""
_VARIABLE = re.compile(r"\$\{(\w+)(?::(\w+))?\}|\$(\w+)(?!\w*\()")
_MACRO = re.compile(r"\$(__\w+)\(([^)]*)\)")
_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


@dataclass(frozen=True)
class View:
    """What a person has chosen: time range, variables (a text, several, or ALL), and how wide the panel is."""

    to: datetime
    span: timedelta
    chosen: Mapping[str, str | Sequence[str] | None] = field(default_factory=dict)
    max_points: int = 1000

    @property
    def since(self) -> datetime:
        """Begin of the time range."""
        return self.to - self.span

    def interval_ms(self, least: str | None) -> int:
        """The interval that Grafana asks for: the range by the points of the panel, rounded to a usual one."""
        usual = (1, 10, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000)
        wanted = self.span.total_seconds() * 1000 / self.max_points
        return max(min(usual, key=lambda one: abs(one - wanted)), milliseconds(least) if least else 1)


def milliseconds(text: str) -> int:
    """Of an interval as 10s, 1m."""
    found = re.fullmatch(r"(\d+)(ms|[smhd])", text)
    assert found, text
    return int(found[1]) * _MILLISECONDS[found[2]]


def interpolated(sql: str, view: View, variables: Mapping[str, Mapping[str, Any]], interval_ms: int = 1000) -> str:
    """The SQL that reaches the database. `variables` are those of the dashboard, by name."""

    def value(found: re.Match[str]) -> str:
        name, style = found[1] or found[3], found[2]
        if name == "__interval":
            return f"{interval_ms}ms"
        if name == "__interval_ms":
            return str(interval_ms)
        assert name in variables, f"the dashboard has no variable {name}"
        choice = view.chosen[name]
        if choice is ALL:
            return str(variables[name]["allValue"])  # as it is, whatever style is asked for
        assert style == "sqlstring", f"{name}: {style}"
        several = [choice] if isinstance(choice, str) else choice
        return ",".join("'" + one.replace("'", "''") + "'" for one in several)

    return _MACRO.sub(lambda found: _macro(found[1], found[2], view), _VARIABLE.sub(value, sql))


def _macro(name: str, text: str, view: View) -> str:
    arguments = [one.strip() for one in text.split(",")]
    since, to = (f"'{one.astimezone(UTC).strftime('%Y-%m-%dT%H:%M:%S.%fZ')}'" for one in (view.since, view.to))
    match name:
        case "__timeFilter":
            return f"{arguments[0]} BETWEEN {since} AND {to}"
        case "__timeFrom":
            return since
        case "__timeTo":
            return to
        case "__timeGroup" | "__timeGroupAlias":
            seconds = milliseconds(arguments[1].strip("'")) / 1000
            group = f"floor(extract(epoch from {arguments[0]})/{seconds:g})*{seconds:g}"
            return f'{group} AS "time"' if name == "__timeGroupAlias" else group
    raise AssertionError(f"the data source has no macro {name}")


@dataclass(frozen=True)
class Query:
    """One SQL query of one panel."""

    board: str
    panel: Mapping[str, Any]
    target: Mapping[str, Any]

    @property
    def name(self) -> str:
        """As a test is called."""
        return f"{self.board}/{self.panel['title']}"


def boards(folder: Path) -> dict[str, dict[str, Any]]:
    """The dashboards of a folder."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}


def targets(of: Mapping[str, Mapping[str, Any]], source: str) -> Iterator[Query]:
    """The queries of all panels to a type of data source."""
    for name, board in of.items():
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                if target["datasource"]["type"] == source:
                    yield Query(name, panel, target)


def variables_of(board: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Variables of a dashboard by name."""
    return {one["name"]: one for one in board["templating"]["list"]}
