"""Names of Telegraf as names of ours. Pure."""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Final

_UNFIT: Final = re.compile(r"[^A-Za-z0-9._-]+")


def identity(text: str, other: str = "") -> str:
    """A name with `-` for the signs that none of ours may have; `other` where nothing is left."""
    return _UNFIT.sub("-", text).strip("-._")[:128] or other


def unused(name: str, taken: Container[str]) -> str:
    """The name, with a number behind it where it is taken."""
    if name not in taken:
        return name
    return next(f"{name[:120]}-{number}" for number in range(2, 1_000_000) if f"{name[:120]}-{number}" not in taken)
