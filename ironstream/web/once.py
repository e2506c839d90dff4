"""Repeats in the log: outputs come at least once, and a repeated one has the id of the first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, TypeVar

from ironstream.contract import ID_HEADER
from ironstream.web.log_pages import LogPages, Page

T = TypeVar("T")

SEAM: Final = 20_000
"""Offsets beside a page's edge that are looked at for ids alone. A repeat stands as far behind the first as the worker
had come since its last commit."""
_MOST: Final = 50_000


class Once:
    """Tells the first of each id. It remembers the ids that were seen last, many more than lie between repeats."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def is_new(self, record: Any) -> bool:
        """Whether no record with this id came before. One without an id is always new."""
        record_id = next((value for name, value in record.headers if name == ID_HEADER), None)
        if record_id is None:
            return True
        if record_id in self._seen:
            return False
        self._seen[record_id] = None
        if len(self._seen) > self._most:
            self._seen.popitem(last=False)
        return True


async def forward_once(
    pages: LogPages,
    topic: str,
    partition: int,
    start: int | None,
    from_ms: int,
    take: Callable[[Any], T | None],
    limit: int,
) -> Page[T]:
    """A page as of `LogPages.forward`, without repeats in it, or of what stands shortly before it."""
    seen = Once()

    def first(record: Any) -> T | None:
        item = take(record)
        if item is None or not seen.is_new(record):
            return None
        return item if start is None or record.offset >= start else None

    before = None if start is None else max(0, start - SEAM)
    page = await pages.forward(topic, partition, before, from_ms, first, limit)
    if start is None or page.next is None:
        return page
    return Page(page.items, max(page.next, start), page.truncated)


async def backward_once(
    pages: LogPages,
    topic: str,
    partition: int,
    before: int | None,
    take: Callable[[Any], T | None],
    limit: int,
    from_ms: int | None = None,
) -> Page[T]:
    """A page as of `LogPages.backward`, without repeats in it, or of what stands shortly after it."""
    seen = Once()

    def last(record: Any) -> T | None:
        item = take(record)
        if item is None or not seen.is_new(record):
            return None
        return item if before is None or record.offset < before else None

    after = None if before is None else before + SEAM
    page = await pages.backward(topic, partition, after, last, limit, from_ms)
    if before is None or page.next is None:
        return page
    return Page(page.items, min(page.next, before), page.truncated)
