"""Names in configurations: what they may look like, and which are given more than once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated

from pydantic import StringConstraints

from ironstream.contract import IDENTITY_PART

IdentityPart = Annotated[str, StringConstraints(pattern=rf"^{IDENTITY_PART.pattern}$")]
"""A part of a series' name: letters, digits, `.`, `_`, `-`, from 1 to 128 of them, the first a letter or digit."""


def twice(names: Iterable[str]) -> list[str]:
    """The names that are given more than once, sorted; in one pass, for a list may have a hundred thousand."""
    return sorted(name for name, count in Counter(names).items() if count > 1)
