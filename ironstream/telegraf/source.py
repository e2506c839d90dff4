"""Telegraf's TOML as tables that know their line and what of them was used. Pure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ironstream.errors import ConfigurationError
from ironstream.topology.checks.secrets import shown

_VARIABLE: Final = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}|\$(\w+)")
_HEADER: Final = re.compile(r"\s*\[\[?\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?")
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)")
_UNITS_S: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


@dataclass(frozen=True, slots=True, order=True)
class Note:
    """What could not be taken over as it stands, in which line of which file."""

    filename: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.filename}:{self.line}: {self.message}"


@dataclass(slots=True)
class Notes:
    """All notes of one file; nothing that was read may be left without a use or a note."""

    filename: str
    found: list[Note] = field(default_factory=list)

    def add(self, line: int, message: str) -> None:
        """Note something of a line."""
        self.found.append(Note(self.filename, line, message))


class Table:
    """A table of the file: `take` marks a field as used, `finish` notes all that nobody took.

    `lines` are those of the file, `begin` and `end` the ones that the table stands in, from 0, `end` excluded.
    """

    def __init__(
        self, fields: Mapping[str, Any], name: str, lines: list[str], begin: int, end: int, notes: Notes
    ) -> None:
        self._fields = fields
        self._name = name
        self._lines = lines
        self._begin, self._end = begin, end
        self._taken: set[str] = set()
        self.notes = notes

    @property
    def line(self) -> int:
        """Line that it begins in, from 1."""
        return self._begin + 1

    def line_of(self, key: str) -> int:
        """Line of a field, from 1; that of the table where it is not found."""
        pattern = re.compile(rf'(?:^|[{{,\s])["\']?{re.escape(key)}["\']?\s*=')
        header = re.compile(rf"\s*\[\[?\s*{re.escape(self._name)}\.{re.escape(key)}\s*\]")
        for place in range(self._begin, self._end):
            line = self._lines[place]
            if not line.lstrip().startswith("#") and (pattern.search(line) or header.match(line)):
                return place + 1
        return self.line

    def take(self, key: str, default: Any = None) -> Any:
        """The value of a field, which is used by that."""
        self._taken.add(key)
        return self._fields.get(key, default)

    def text(self, key: str, default: str = "") -> str:
        """A field as text; numbers are written out."""
        value = self.take(key)
        return default if value is None else str(value).strip()

    def number(self, key: str) -> int | float | None:
        """A field as a number; one that is none is noted and left out."""
        value = self.take(key)
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return value
        self.note(key, f"{key} = {value!r} is no number: left out")
        return None

    def seconds(self, key: str, default: float | None = None) -> float | None:
        """A duration as `1m30s`, or a number of seconds, in s; one that is none is noted and left out."""
        value = self.take(key)
        if value is None:
            return default
        found = seconds_of(value)
        if found is None:
            self.note(key, f"{key} = {value!r} is no duration: left out")
        return default if found is None else found

    def tables(self, key: str) -> list[Table]:
        """The tables under a key, whether they have headers of their own or stand in braces."""
        values = self.take(key)
        values = [values] if isinstance(values, Mapping) else values if isinstance(values, list) else []
        name = f"{self._name}.{key}"
        begins = [at for at in range(self._begin, self._end) if _header_of(self._lines[at]) == name]
        if len(begins) < len(values):
            begins = self._inline(key, len(values))
        ends = [*begins[1:], self._end]
        return [
            Table(value, name, self._lines, begin, max(end, begin + 1), self.notes)
            for value, begin, end in zip(values, begins, ends, strict=False)
            if isinstance(value, Mapping)
        ]

    def note(self, key: str, message: str) -> None:
        """Note something of a field."""
        self.notes.add(self.line_of(key), message)

    def unused(self) -> Iterator[str]:
        """Fields that nobody took."""
        return (key for key in self._fields if key not in self._taken)

    def finish(self) -> None:
        """Note every field that nobody took."""
        for key in self.unused():
            self.note(key, f"{self._name}: {key} = {shown(key, self._fields[key])} has no counterpart: left out")

    def _inline(self, key: str, count: int) -> list[int]:
        """Lines of the tables in braces under a key: one brace after the other."""
        begin = self.line_of(key) - 1
        places = [
            at
            for at in range(begin, self._end)
            if not self._lines[at].lstrip().startswith("#")
            for _ in range(_braces(self._lines[at]))
        ]
        return (places + [begin] * count)[:count] if len(places) >= count else [begin] * count


def sections(text: str, filename: str, environment: Mapping[str, str]) -> tuple[dict[str, list[Table]], Notes]:
    """The tables of a configuration by `inputs.modbus` and the like; variables are filled in as Telegraf does.

    Raises ConfigurationError for what is no TOML, or names a variable that is not set.
    """
    notes = Notes(filename)
    filled = "\n".join(
        line if line.lstrip().startswith("#") else _filled(line, f"{filename}:{number}", environment)
        for number, line in enumerate(text.splitlines(), start=1)
    )
    try:
        whole = tomllib.loads(filled)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{filename} is no TOML: {error}", "Does Telegraf itself read it?") from None
    lines = filled.splitlines()
    headers = [_header_of(line) for line in lines]
    found: dict[str, list[Table]] = {}
    for name, values in _top(whole):
        begins = [at for at, header in enumerate(headers) if header == name] or [0]
        for place, value in enumerate(values):
            begin = begins[min(place, len(begins) - 1)]
            end = next(
                (at for at in range(begin + 1, len(lines)) if (h := headers[at]) and not h.startswith(f"{name}.")),
                len(lines),
            )
            found.setdefault(name, []).append(Table(value, name, lines, begin, end, notes))
    return found, notes


def seconds_of(value: Any) -> float | None:
    """A duration in s; None for what is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    text = str(value).strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return round(sum(float(number) * _UNITS_S[unit] for number, unit in parts), 9)


def _top(whole: Mapping[str, Any]) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    for key, value in whole.items():
        if key in ("inputs", "outputs", "processors", "aggregators", "secretstores") and isinstance(value, Mapping):
            for plugin, tables in value.items():
                yield f"{key}.{plugin}", tables if isinstance(tables, list) else [tables]
        else:
            yield key, [value if isinstance(value, Mapping) else {key: value}]


def _filled(line: str, where: str, environment: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        name = match[1] or match[3]
        if name not in environment and match[2] is None:
            raise ConfigurationError(
                f"{where}: {match[0]} is not set.", f"Set {name}, as Telegraf has it, and try again."
            )
        return environment.get(name, match[2] or "")

    return _VARIABLE.sub(value, line)


def _header_of(line: str) -> str:
    match = _HEADER.fullmatch(line) if line.lstrip().startswith("[") else None
    return match[1].replace(" ", "").replace('"', "") if match is not None and "=" not in match[1] else ""


def _braces(line: str) -> int:
    """Tables that begin in a line, those within them not counted."""
    depth = count = 0
    for sign in re.sub(r'"[^"]*"|\'[^\']*\'', "", line):
        if sign == "#":
            break
        count += sign == "{" and depth == 0
        depth += (sign == "{") - (sign == "}")
    return count
