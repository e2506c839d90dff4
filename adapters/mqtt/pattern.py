"""Topic patterns: MQTT filters whose levels may have names. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_NAMED: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_MAX_BYTES: Final = 65_535


class PatternError(ValueError):
    """A pattern that MQTT, or we, cannot use; the text says why."""


@dataclass(frozen=True, slots=True)
class TopicPattern:
    """`plant/{site}/+/{asset}/#`: each `{name}` stands for one level and gives it that name."""

    levels: tuple[str, ...]
    """The levels of `filter`."""
    names: tuple[tuple[int, str], ...]
    """Place and name of the named levels."""

    @property
    def filter(self) -> str:
        """The filter to subscribe to."""
        return "/".join(self.levels)

    @property
    def wild(self) -> bool:
        """Whether more than one topic fits."""
        return "+" in self.levels or "#" in self.levels

    def match(self, topic: str) -> Mapping[str, str] | None:
        """The named levels of a topic that fits; None where it does not. Topics with `$` fit no leading wildcard."""
        parts = topic.split("/")
        if not _fits(self.levels, parts):
            return None
        return {name: parts[place] for place, name in self.names}

    def filled(self, names: Mapping[str, str]) -> str:
        """The filter with its named levels as they are in a topic that fits."""
        places = dict(self.names)
        return "/".join(names.get(places.get(place, ""), level) for place, level in enumerate(self.levels))


def parse_pattern(text: str) -> TopicPattern:
    """The pattern of `text`. Raises PatternError."""
    if not text:
        raise PatternError("a topic has at least one character")
    if "\0" in text or len(text.encode("utf-8", "replace")) > _MAX_BYTES:
        raise PatternError("a topic has no NUL and at most 65535 bytes")
    levels: list[str] = []
    names: list[tuple[int, str]] = []
    parts = text.split("/")
    for place, part in enumerate(parts):
        if named := _NAMED.fullmatch(part):
            if named[1] in (name for _, name in names):
                raise PatternError(f"{{{named[1]}}} is there twice")
            names.append((place, named[1]))
            levels.append("+")
        elif "{" in part or "}" in part:
            raise PatternError(f"{part!r}: a name such as {{asset}} fills a whole level, in small letters")
        elif part == "#" and place != len(parts) - 1:
            raise PatternError("# stands only at the end")
        elif part not in ("+", "#") and ("+" in part or "#" in part):
            raise PatternError(f"{part!r}: + and # fill a whole level")
        else:
            levels.append(part)
    return TopicPattern(tuple(levels), tuple(names))


def covers(wide: str, narrow: str) -> bool:
    """Whether every topic that fits the filter `narrow` fits `wide` too."""
    return _fits(wide.split("/"), narrow.split("/"))


def overlaps(one: str, other: str) -> bool:
    """Whether some topic fits both filters."""
    return _meet(one.split("/"), other.split("/"))


def _fits(filter_: Sequence[str], topic: Sequence[str]) -> bool:
    if topic[0].startswith("$") and filter_[0] in ("+", "#"):
        return False
    for place, level in enumerate(filter_):
        if level == "#":
            return True
        if place >= len(topic) or topic[place] == "#":
            return False
        if level not in ("+", topic[place]):
            return False
    return len(filter_) == len(topic)


def _meet(one: Sequence[str], other: Sequence[str]) -> bool:
    for a, b in zip(one, other, strict=False):
        if "#" in (a, b):
            return True
        if a != b and "+" not in (a, b):
            return False
    if len(one) == len(other):
        return True
    # `a/#` fits `a` as well
    longer, length = (one, len(other)) if len(one) > len(other) else (other, len(one))
    return len(longer) == length + 1 and longer[-1] == "#"
