from __future__ import annotations

import asyncio
from contextlib import suppress

from ironstream.gateway.delivery import Delivery, Receipts


async def test_a_delivery_is_settled_when_all_is_put_and_all_of_that_is_settled() -> None:
    delivery = Delivery()
    delivery.expect()
    waiting = asyncio.create_task(delivery.wait())
    delivery.settle()
    await asyncio.sleep(0)
    assert not waiting.done()
    delivery.settle()
    await waiting


async def test_receipts_go_back_in_the_order_they_came_whichever_is_settled_first() -> None:
    back: list[object] = []

    async def acknowledge(receipt: object) -> None:
        back.append(receipt)

    receipts = Receipts(acknowledge)
    task = asyncio.create_task(receipts.run())
    first, second = receipts.open("first"), receipts.open("second")
    second.settle()
    await asyncio.sleep(0)
    assert back == []
    first.settle()
    await receipts.all_back()
    assert back == ["first", "second"]
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
