"""The plant behind the measured pages: that of the benchmarks with fewer alarms, and a probe that counts."""

from __future__ import annotations

import asyncio
import json
import time
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Final

import yaml
from aiokafka import AIOKafkaProducer

from ironstream.bench.plant import SITE, TENANT, Plant
from ironstream.contract import SeriesId, Topic, asset_key
from ironstream.settings import Settings
from tests.support.readings import raw_reading

PROBE: Final = SeriesId(TENANT, SITE, "probe", "number")
_PER_ASSET: Final = 10


def topology_of(plant: Plant, alarms: int) -> str:
    """topology.yaml: the condition holds for as many series as there are to be alarms. They are latched: nobody
    acknowledges, so that all are there once each value has been at its top, and change as the values swing.
    """
    topology = yaml.safe_load(plant.topology())
    topology["machine_types"].append({"id": "probe", "parameters": [{"name": PROBE.parameter, "windows_s": [1]}]})
    topology["assets"].append({"id": PROBE.asset_id, "tenant": TENANT, "site": SITE, "machine_type": "probe"})
    [rule] = topology["alarms"]
    # copies all through: what is shared would be written as aliases
    rules = [
        deepcopy(rule) | {"id": f"too-high-{n}", "asset": plant.asset(n), "latched": True}
        for n in range(alarms // _PER_ASSET)
    ]
    return yaml.safe_dump(topology | {"alarms": rules}, sort_keys=False)


@dataclass(slots=True)
class Probe:
    """Readings of a series of its own that count from `first`; `sent_ms` by value: when the producer got it."""

    settings: Settings
    first: int = 1
    sent_ms: dict[str, float] = field(default_factory=dict)

    async def send(self, count: int, every_s: float) -> None:
        """Send readings, one after the other; each has been acknowledged when the next is made."""
        topic = self.settings.topic(Topic.TELEMETRY_RAW)
        async with AIOKafkaProducer(**self.settings.kafka_client_kwargs(), acks="all") as producer:
            for number in range(self.first, self.first + count):
                now_us = time.time_ns() // 1000
                self.sent_ms[str(number)] = now_us / 1000
                body = json.dumps(raw_reading(str(PROBE), number, number, boot="probe", at_us=now_us)).encode()
                await producer.send_and_wait(topic, key=asset_key(TENANT, SITE, PROBE.asset_id), value=body)
                await asyncio.sleep(every_s)
