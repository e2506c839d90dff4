"""Plain data as YAML on one line, which reads back as it was under `scalars`. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ironstream.topology.scalars import resolve

_PLAIN = re.compile(r"[\w/.°(][\w/.%°()*+-]*( [\w/.%°()*+-]+)*")
"""Texts that need no quotes within braces, as far as they are not taken for something else."""
_OF_YAML_1_1 = frozenset({"y", "yes", "on", "n", "no", "off"})
"""Texts here, but not to every tool that may read the file."""


def flow(value: Any) -> str:
    """`{name: a, report: {mode: on_change}}`. Raises TypeError for what YAML's core has no form for."""
    match value:
        case Mapping():
            return "{" + ", ".join(f"{flow(str(key))}: {flow(item)}" for key, item in value.items()) + "}"
        case str():
            return scalar(value)
        case Sequence():
            return "[" + ", ".join(flow(item) for item in value) + "]"
    return scalar(value)


def scalar(value: Any) -> str:
    """One scalar; a text is quoted where it could be read as anything else."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float() if not math.isfinite(value):
            return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
        case int() | float():
            return repr(value)
        case str() if _PLAIN.fullmatch(value) and resolve(value) == value and value.lower() not in _OF_YAML_1_1:
            return value
        case str():
            return '"' + "".join(map(_escaped, value)) + '"'
    raise TypeError(f"{type(value).__name__} is no YAML")


def _escaped(sign: str) -> str:
    if sign in '"\\':
        return "\\" + sign
    code = ord(sign)
    if sign.isprintable():
        return sign
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
