"""What is wrong with a topology file: where, how grave, and how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from ironstream.errors import ConfigurationError

Severity = Literal["error", "warning"]

_SUGGESTION_OPTIONS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a topology file. `line` and `column` count from 1, in characters.

    An `error` keeps the file from being used; a `warning` names what is legal but hardly meant. `path` is the place in
    the structure (`assets[3].parameters[0].range`), empty for the file as a whole. `mend` says what to do about it.
    """

    severity: Severity
    line: int
    column: int
    path: str
    message: str
    mend: str
    filename: str = "topology.yaml"

    def __str__(self) -> str:
        mend = f" (mend: {self.mend})" if self.mend else ""
        return f"{self.filename}:{self.line}:{self.column}: {self.severity}: {self.message}{mend}"


class TopologyError(ConfigurationError):
    """A topology file that cannot be used. `faults` holds all of them, warnings too, in the order of the file."""

    def __init__(self, message: str, faults: Sequence[Fault], hint: str = "") -> None:
        super().__init__(message, hint)
        self.faults = list(faults)


def format_path(path: Iterable[str | int]) -> str:
    """`("assets", 3, "id")` as `assets[3].id`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def quote(value: object) -> str:
    """A value of the file for a message: on one line, escaped and short, so that no file can disturb a terminal."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:56]}…{text[0]}" if text[0] in "'\"" else f"{text[:56]}…"


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """`did you mean 'pump-1'?`, or an empty text when nothing is near enough."""
    options = list(options)
    for option in options:
        if option.casefold() == word.casefold():
            return f"did you mean {quote(option)}?"
    candidates = [option for option in options if abs(len(option) - len(word)) <= 4]
    # comparing with each of very many names costs seconds when many references dangle, and helps nobody
    near = difflib.get_close_matches(word[:128], candidates[:_SUGGESTION_OPTIONS_MAX], n=1, cutoff=0.6)
    return f"did you mean {quote(near[0])}?" if near else ""
