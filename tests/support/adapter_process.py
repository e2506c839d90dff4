"""An adapter as a process of its own, and what it wrote to Kafka."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer

from ironstream.settings import Settings

START_S: Final = 60.0
STOP_S: Final = 60.0

Readings = dict[tuple[str, str, str], dict[int, dict[str, Any]]]
"""By run of the adapter, asset and parameter: the readings by their number."""


class AdapterProcess:
    """`python -m adapters` with a CONFIG_JSON, as an async context manager; its log goes to a file."""

    def __init__(self, deployment: Settings, document: Mapping[str, Any], log: Path) -> None:
        self._environment = {
            **os.environ,
            "CONFIG_JSON": base64.b64encode(json.dumps(document).encode()).decode(),
            "IRONSTREAM_BOOTSTRAP": deployment.bootstrap,
            "IRONSTREAM_TOPIC_PREFIX": deployment.topic_prefix,
            "IRONSTREAM_HEALTH_PORT": "0",
        }
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        with self._log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "adapters", env=self._environment, stdout=output, stderr=output
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def said(self, word: str, times: int = 1) -> None:
        """Wait until its log has the word so many times. Raises AssertionError when it ends or takes too long."""
        for _ in range(round(START_S / 0.02)):
            if self.log.count(word) >= times:
                return
            assert self._process is not None
            assert self._process.returncode is None, f"the adapter ended\n{self.log}"
            await asyncio.sleep(0.02)
        raise AssertionError(f"it did not say {word!r} in {START_S:g} s\n{self.log}")

    async def stop(self) -> int:
        """Ask it to stop, as its supervisor does; its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOP_S):
            return await self._process.wait()

    @property
    def log(self) -> str:
        """All that it has said."""
        return self._log.read_text(errors="replace")


async def records_of(deployment: Settings, topic: str) -> list[dict[str, Any]]:
    """Every record of a topic (without prefix) up to its end at the time of the call."""
    consumer = AIOKafkaConsumer(
        deployment.topic(topic), **deployment.kafka_client_kwargs(), auto_offset_reset="earliest"
    )
    async with consumer:
        partitions = list(consumer.assignment())
        ends = await consumer.end_offsets(partitions)
        records: list[dict[str, Any]] = []
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                records += [json.loads(record.value) for record in batch if record.value is not None]
        return records


def by_series(records: list[dict[str, Any]]) -> Readings:
    """The readings of each series; one that Kafka has twice, because an acknowledgement was lost, counts once."""
    series: Readings = defaultdict(dict)
    for record in records:
        metadata = record["metadata"]
        series[metadata["boot"], record["asset_id"], record["parameter"]][metadata["seq"]] = record
    return series


def holes(series: Readings) -> dict[tuple[str, str, str], list[int]]:
    """The numbers that are missing of each series that misses any, from 1 to its highest."""
    missing = {name: sorted(set(range(1, max(numbers) + 1)) - set(numbers)) for name, numbers in series.items()}
    return {name: numbers for name, numbers in missing.items() if numbers}
