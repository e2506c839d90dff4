"""What a plain YAML scalar means: the core schema of YAML 1.2, in which `on`, `yes` and `no` are texts."""

from __future__ import annotations

import re
from typing import Final

from ironstream.topology.nodes import Scalar

_CONSTANTS: Final[dict[str, Scalar]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_DIGITS_MAX = 64
CORE_TAG: Final = "tag:yaml.org,2002:"


def resolve(text: str) -> Scalar:
    """The value of a plain (unquoted) scalar. A number of more than 64 characters stays a text."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in "+-.0123456789" or len(text) > _DIGITS_MAX:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _SPECIAL.fullmatch(text):
        return float(text.replace(".", ""))
    return text


def resolve_tagged(tag: str, text: str) -> Scalar:
    """The value of a scalar with an explicit core tag. Raises ValueError when the text is not of that type."""
    kind = tag.removeprefix(CORE_TAG)
    if kind == "str":
        return text
    value = resolve(text)
    if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if {"null": type(None), "bool": bool, "int": int, "float": float}.get(kind) is not type(value):
        raise ValueError(f"{text!r} is no {kind}")
    return value
