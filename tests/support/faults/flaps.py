"""Link flaps: a machine behind a bad link, an adapter as a process, a broker that goes away too, and the ledger.

`python -m tests.support.faults.flaps --flaps 2400 --seed 1` plays that many; the same seed deals the same flaps. Two
hours of a link that flaps every 30 s are 240. What is between two flaps, where nothing happens, is left out: the next
one comes when the adapter has read again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from ironstream.contract import Topic
from ironstream.embedded import EmbeddedKafka
from ironstream.settings import Settings
from ironstream.topics import ensure_topics, topic_specs
from tests.support.adapter_process import AdapterProcess, Readings, by_series, holes, records_of
from tests.support.faults.deployment import Deployment
from tests.support.faults.link import Link

PARAMETERS: Final = ("temperature", "speed", "pressure", "level")
ASSET: Final = "pump-1"
TIMEOUT_S: Final = 1.0
_LONGEST_DELAY_S: Final = 0.08
"""Far below the adapter's time limit: a late answer is no outage."""
_LONGEST_REFUSAL_S: Final = 0.15
_PAUSE_OF_BROKER_S: Final = 2.0
_WEIGHTS: Final = {"cut": 14, "half-close": 6, "half-close far": 5, "refuse": 8, "delay": 6, "freeze": 1}


@dataclass(frozen=True)
class Flap:
    """One event of the link; `seconds` is the length of a delay or a refusal."""

    kind: str
    seconds: float

    @property
    def is_outage(self) -> bool:
        """Whether the adapter loses its connection."""
        return self.kind != "delay"


def schedule(seed: int, count: int) -> list[Flap]:
    """The flaps of a run, in order."""
    rnd = random.Random(seed)
    kinds = rnd.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=count)
    longest = {"delay": _LONGEST_DELAY_S, "refuse": _LONGEST_REFUSAL_S}
    return [Flap(kind, rnd.uniform(0.0, longest.get(kind, 0.0))) for kind in kinds]


async def play(link: Link, flap: Flap) -> None:
    """Let one happen; it is over when this returns, but for the adapter's coming back."""
    match flap.kind:
        case "cut":
            await link.cut()
        case "half-close":
            await link.half_close(far=False)
        case "half-close far":
            await link.half_close(far=True)
        case "refuse":
            await link.refuse(flap.seconds)
        case "freeze":
            await link.freeze()
        case "delay":
            await link.delay(flap.seconds)


async def kill_broker(kafka: EmbeddedKafka) -> None:
    """kill -9 of the broker, and a start on the same data."""
    kafka.kill()
    await kafka.start()


async def freeze_broker(kafka: EmbeddedKafka) -> None:
    """The broker's connections stay, and nothing is answered for a while."""
    pid = kafka.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(_PAUSE_OF_BROKER_S)
    os.kill(pid, signal.SIGCONT)


def document(port: int) -> dict[str, Any]:
    """The adapter's configuration."""
    registers = {f"{40001 + at}": {"param": name, "type": "uint16"} for at, name in enumerate(PARAMETERS)}
    return {
        "pipeline_id": ASSET,
        "protocol": "modbus_tcp",
        "source": {"host": "127.0.0.1", "port": port, "timeout_s": TIMEOUT_S},
        "mapping": {"registers": registers},
        "output": {"asset_id": ASSET},
        "poll_interval_ms": 20,
        "retry_policy": {"backoff_ms": 20},
    }


class Run:
    """One run of flaps and its verdict."""

    def __init__(self, on: Deployment, kafka: EmbeddedKafka, folder: Path) -> None:
        self._on = on
        self._settings = on.settings
        self._kafka = kafka
        self._folder = folder
        self.played: Counter[str] = Counter()
        self.outages = 0
        self.readings = 0

    async def flap(self, flaps: list[Flap], *, broker_faults: int) -> None:
        """Play the flaps while the broker goes away `broker_faults` times; ends with the adapter's orderly end."""
        await ensure_topics(self._settings.kafka_client_kwargs(), topic_specs(self._settings, (1,)))
        device = ModbusTcpServer(_device(), address=("127.0.0.1", 0))
        await device.serve_forever(background=True)
        try:
            assert isinstance(device.transport, asyncio.Server)
            async with Link(device.transport.sockets[0].getsockname()[1]) as link:
                await self._through(link, flaps, broker_faults)
        finally:
            await device.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it untyped

    async def _through(self, link: Link, flaps: list[Flap], broker_faults: int) -> None:
        # spread over the run, and never the last thing that happens
        at = {len(flaps) * (number + 1) // (broker_faults + 1): number for number in range(broker_faults)}
        broker: asyncio.Task[None] | None = None
        async with AdapterProcess(self._settings, document(link.port), self._folder / "adapter.log") as adapter:
            await adapter.said('"connected"')
            for number, flap in enumerate(flaps):
                if number in at:
                    if broker is not None:
                        await broker
                    fault = kill_broker if at[number] % 2 == 0 else freeze_broker
                    broker = asyncio.create_task(fault(self._kafka))
                    self.played[fault.__name__] += 1
                await play(link, flap)
                self.played[flap.kind] += 1
            if broker is not None:
                await broker
            await link.carries()
            self.outages = link.outages
            assert self.outages >= sum(flap.is_outage for flap in flaps)
            code = await adapter.stop()
            assert code == 0, f"the adapter exited with {code}\n{adapter.log}"

    async def judge(self) -> str:
        """Compare what is in Kafka with what the link did, and ask the ledger. Raises AssertionError that shows why."""
        series = by_series(await records_of(self._settings, Topic.TELEMETRY_RAW))
        assert {name for _, _, name in series} == set(PARAMETERS)
        assert len({boot for boot, _, _ in series}) == 1
        assert holes(series) == {}, "numbers that never came"
        self.readings = sum(map(len, series.values()))
        self._judge_outages(series)
        self._on.start_worker()
        await self._on.drain()
        book = await self._ledger()
        assert book["explained"], json.dumps(book, indent=1)
        assert {one["parameter"] for one in book["series"]} == set(PARAMETERS)
        for one in book["series"]:
            assert (one["missing"], one["unexplained"], one["pending"]) == (0, [], 0), one
        sent = sum(one["sent"] for one in book["series"])
        assert sent == self.readings
        await self._on.stop_workers()
        listed = ", ".join(f"{count} × {name}" for name, count in sorted(self.played.items()))
        return f"{listed}: {self.outages} outages, {sent} readings, none missing"

    def _judge_outages(self, series: Readings) -> None:
        for (_, _, parameter), readings in series.items():
            in_order = [readings[number] for number in sorted(readings)]
            runs = [(quality, len(list(run))) for quality, run in groupby(r["quality"] for r in in_order)]
            bad = [length for quality, length in runs if quality == "BAD"]
            assert bad == [1] * self.outages, f"{parameter}: {len(bad)} losses were told for {self.outages} outages"
            reasons = Counter(tuple(r.get("quality_reasons", ())) for r in in_order if r["quality"] == "BAD")
            assert set(reasons) <= {("comm_loss",)}, f"{parameter}: {reasons}"
            assert {quality for quality, _ in runs} <= {"GOOD", "BAD"}

    async def _ledger(self) -> Any:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ironstream.cli",
            "ledger",
            "--output",
            "json",
            env=os.environ | self._on.environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        told, errors = await process.communicate()
        assert told, errors.decode(errors="replace")
        return json.loads(told)


def _device() -> SimDevice:
    return SimDevice(1, [SimData(0, values=[250, 1480, 42, 77], datatype=DataType.REGISTERS)])


async def campaign(seed: int, flaps: int, broker_faults: int, folder: Path) -> str:
    """One run on a broker of its own."""
    async with EmbeddedKafka(folder / "kafka", heap_mb=256) as kafka:
        settings = Settings(
            bootstrap=kafka.bootstrap,
            application_id="flaps",
            partitions=4,
            data_dir=folder / "data",
            topology=folder / "topology.yaml",
        )
        on = Deployment(settings, assets=1, seed=seed, logs=folder)
        try:
            run = Run(on, kafka, folder)
            await run.flap(schedule(seed, flaps), broker_faults=broker_faults)
            return await run.judge()
        finally:
            on.close()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--flaps", type=int, default=2400)
    parser.add_argument("--broker-faults", type=int, default=12)
    given = parser.parse_args()
    for noisy in ("aiokafka", "pymodbus.logging"):
        # a broker and a link that are away are what we do to them
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    folder = Path(tempfile.mkdtemp(prefix="ironstream-flaps-"))
    began_s = time.monotonic()
    print(f"seed {given.seed}, logs and state: {folder}", flush=True)
    print(asyncio.run(campaign(given.seed, given.flaps, given.broker_faults, folder)))
    print(f"{time.monotonic() - began_s:.0f} s")


if __name__ == "__main__":
    main()
