"""A process that puts readings into a publisher with a disk buffer, to be killed: its arguments are settings in JSON.

It prints `stored` once the disk holds `first` readings, and goes on putting more until it is killed.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from pathlib import Path

from prometheus_client import CollectorRegistry

from ironstream.contract import Topic
from ironstream.gateway.buffer_stats import BufferStats
from ironstream.gateway.outgoing import Outgoing
from ironstream.gateway.publisher import KafkaPublisher
from ironstream.gateway.settings import GatewaySettings


async def put_for_ever(bootstrap: str, buffer_dir: str, first: int) -> None:
    stats = BufferStats(CollectorRegistry())
    settings = GatewaySettings(bootstrap_servers=bootstrap, buffer_dir=Path(buffer_dir))
    async with KafkaPublisher(settings, stats) as publisher:
        told = False
        for number in itertools.count():
            publisher.put(Outgoing(Topic.TELEMETRY_RAW, b"abc"[number % 3 : number % 3 + 1], str(number).encode()))
            if number >= first:
                await asyncio.sleep(0.001)
            if not told and stats.records >= first:
                told = True
                sys.stdout.write("stored\n")
                sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(put_for_ever(**json.loads(sys.argv[1])))
