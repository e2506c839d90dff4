"""Reads a device once: what `adapter test` shows."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from ironstream.gateway.adapter import Adapter, DeviceAlarm, Fault, Received, Sample


async def read_once(adapter: Adapter, wait_s: float = 10.0) -> Received:
    """Connect, read every point once, close. Raises AdapterError.

    From a device that speaks by itself the latest sample of each point is taken until all that the configuration names
    have come, or `wait_s` has passed; nothing is acknowledged, so it will tell it again.
    """
    try:
        await adapter.connect()
        if adapter.paced:
            return await adapter.read()
        wanted = {point.key for point in adapter.points}
        latest: dict[str, Sample] = {}
        alarms: list[DeviceAlarm] = []
        faults: list[Fault] = []
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                while not wanted or not wanted <= latest.keys():
                    received = await adapter.read()
                    latest |= {sample.point.key: sample for sample in received.samples}
                    alarms += received.alarms
                    faults += received.faults
        return Received(list(latest.values()), alarms, faults)
    finally:
        await adapter.close()
