"""Paths into a JSON document: `$.motor.temps[0]`, `motor.temps[0]`, `$["a b"]`, `motor.*`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

MISSING: Final = object()
"""What a path gives where the document has nothing there."""
_STEP: Final = re.compile(r"""\.?([^.\[\]"'*]+)|\[(\d{1,9})\]|\[\s*(?:"([^"]*)"|'([^']*)')\s*\]""")


class PathError(ValueError):
    """Text that is no path; it says why."""


@dataclass(frozen=True, slots=True)
class JsonPath:
    """The steps to a place; `every`: all single values at it and below."""

    steps: tuple[str | int, ...]
    every: bool = False

    def get(self, document: Any) -> Any:
        """What is at the place, or MISSING."""
        for step in self.steps:
            if isinstance(step, int):
                if not isinstance(document, Sequence) or isinstance(document, str) or step >= len(document):
                    return MISSING
                document = document[step]
            else:
                if not isinstance(document, Mapping) or step not in document:
                    return MISSING
                document = document[step]
        return document


def parse_path(text: str) -> JsonPath:
    """The path of `text`; `$` or nothing before the first step is the document. Raises PathError."""
    rest = text.strip().removeprefix("$")
    every = rest == "*" or rest.endswith(".*")
    rest = rest.removesuffix("*").removesuffix(".") if every else rest
    steps: list[str | int] = []
    place = 0
    while place < len(rest):
        step = _STEP.match(rest, place)
        if step is None:
            raise PathError(f"{text!r} is no path: write it as $.motor.temps[0], $['a b'] or motor.*")
        key, index, double, single = step.groups()
        steps.append(int(index) if index is not None else next(k for k in (key, double, single) if k is not None))
        place = step.end()
    if not text.strip():
        raise PathError("a path is empty: the whole payload is $")
    return JsonPath(tuple(steps), every)


def leaves(document: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every single value at or below a document, with its steps from there."""
    if isinstance(document, Mapping):
        for key, value in document.items():
            yield from leaves(value, (*path, str(key)))
    elif isinstance(document, list):
        for index, value in enumerate(document):
            yield from leaves(value, (*path, index))
    else:
        yield path, document
