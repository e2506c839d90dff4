"""Who must be told when Kafka has what was received: devices that keep it until then."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable


class Delivery:
    """The records of one receipt on their way; settled when each is acknowledged by Kafka, refused or dropped."""

    __slots__ = ("_left", "_settled")

    def __init__(self) -> None:
        # one for the sender, until it has put all
        self._left = 1
        self._settled = asyncio.Event()

    def expect(self) -> None:
        """One more record is put."""
        self._left += 1

    def settle(self) -> None:
        """One record need not be waited for any more, or all are put."""
        self._left -= 1
        if self._left == 0:
            self._settled.set()

    async def wait(self) -> None:
        """Wait until all are settled."""
        await self._settled.wait()


class Receipts:
    """Hands receipts back to the device in the order they came, each when its records are settled."""

    def __init__(self, acknowledge: Callable[[object], Awaitable[None]]) -> None:
        self._acknowledge = acknowledge
        self._open: deque[tuple[Delivery, object]] = deque()
        self._some = asyncio.Event()
        self._none = asyncio.Event()
        self._none.set()

    def open(self, receipt: object) -> Delivery:
        """The delivery to put the records of `receipt` with; `settle` it when they are put."""
        delivery = Delivery()
        self._open.append((delivery, receipt))
        self._some.set()
        self._none.clear()
        return delivery

    async def run(self) -> None:
        """Hand back until cancelled."""
        while True:
            await self._some.wait()
            delivery, receipt = self._open[0]
            await delivery.wait()
            await self._acknowledge(receipt)
            self._open.popleft()
            if not self._open:
                self._some.clear()
                self._none.set()

    async def all_back(self) -> None:
        """Wait until no receipt is open."""
        await self._none.wait()
