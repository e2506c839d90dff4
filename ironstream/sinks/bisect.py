"""Which rows a target refuses, where it only says that it refuses all that it was given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


async def bisect(rows: Sequence[T], attempt: Callable[[Sequence[T]], Awaitable[str | None]]) -> list[tuple[int, str]]:
    """Place and reason of each row that is refused; all others are written when it returns.

    `attempt` writes all rows that it is given and returns None, or writes none and says why it refused them. It gets
    consecutive rows, never none, in the order of `rows`: one attempt where nothing is refused, about 2 log2(rows) more
    for each row that is. What it raises ends the search.
    """
    refused: list[tuple[int, str]] = []
    waiting = [(0, len(rows))] if len(rows) else []
    while waiting:
        first, end = waiting.pop()
        reason = await attempt(rows[first:end])
        if reason is None:
            continue
        if end - first == 1:
            refused.append((first, reason))
            continue
        middle = (first + end) // 2
        waiting += [(middle, end), (first, middle)]
    return refused
