"""`bench acquisition`: what reading many tags once a second costs an adapter process, beside the bare libraries."""

from __future__ import annotations

import asyncio
import re
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec
import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from ironstream.bench.bare_client import Order, Reads
from ironstream.bench.deployment import BenchError, Deployment, deploy
from ironstream.bench.devices import OPCUA_NAMESPACE
from ironstream.bench.measure import Machine, cpu_seconds, machine, rss_mib
from ironstream.commands.children import Child, python
from ironstream.contract import Topic

SCENARIOS: Final = ("modbus-wide", "modbus-many", "opcua")
_START_S: Final = 180.0
_SETTLING_S: Final = 5.0
_PORT: Final = re.compile(r"health and metrics on port (\d+)")
_LISTENING: Final = re.compile(r"listening on 127\.0\.0\.1:(\d+)")
Report = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """`devices` connections with `tags` values each, all of which are read, or told, once a second."""

    name: str
    protocol: Literal["modbus", "opcua"]
    devices: int
    tags: int

    def topology(self, port: int) -> str:
        """A plant of these devices, all at `port`."""
        lines = ["version: 1", "pipelines:"]
        for device in range(self.devices):
            lines += [
                f"  - id: d{device}",
                "    adapter: " + ("modbus-tcp" if self.protocol == "modbus" else "opcua"),
                f"    asset: d{device}",
                "    poll_interval_s: 1",
                "    config:",
                *(f"      {line}" for line in self._config(port)),
            ]
        return "\n".join(lines) + "\n"

    def _config(self, port: int) -> list[str]:
        if self.protocol == "modbus":
            head = ["host: 127.0.0.1", f"port: {port}", "timeout_s: 10", "tags:"]
            return head + [f"  - {{name: r{tag}, address: {tag}}}" for tag in range(self.tags)]
        head = [f"endpoint: opc.tcp://127.0.0.1:{port}/", "security: none", "mode: subscribe", "tags:"]
        return head + [f"  - {{name: v{tag}, node: nsu={OPCUA_NAMESPACE};i={tag}}}" for tag in range(1, self.tags + 1)]


@dataclass(frozen=True, slots=True)
class AcquisitionResult:
    """Who read how much of one scenario.

    `cpu_s_per_s`: cores' worth of CPU; `p99_ms`: of the time of a poll, None where nothing is polled; `missed`: polls
    left out; `memory_mib` at the end.
    """

    scenario: str
    who: str
    wanted_per_s: int
    values_per_s: float
    cpu_s_per_s: float
    cpu_us_per_value: float
    p50_ms: float | None
    p99_ms: float | None
    missed: int | None
    memory_mib: float | None


@dataclass(frozen=True, slots=True)
class AcquisitionResults:
    """All scenarios, the bare library after the adapter in each."""

    machine: Machine
    seconds: float
    results: list[AcquisitionResult]


def scenario(name: str) -> Scenario:
    """The scenario of a name out of `SCENARIOS`."""
    return {
        "modbus-wide": Scenario(name, "modbus", devices=10, tags=10_000),
        "modbus-many": Scenario(name, "modbus", devices=500, tags=30),
        "opcua": Scenario(name, "opcua", devices=1, tags=20_000),
    }[name]


async def measure_acquisition(
    *,
    scenarios: Sequence[Scenario],
    seconds: float,
    bootstrap: str | None = None,
    report: Report = lambda _what, _done, _total: None,
) -> AcquisitionResults:
    """Each scenario with the adapter in a process as users start it, then with the bare library; one at a time.

    Raises BenchError when a process has not come up or has ended.
    """
    facts = machine(own_kafka=bootstrap is None)
    results = []
    for one in scenarios:
        report(f"{one.name}: starting Kafka and the devices", 0, None)
        async with deploy("version: 1\n", (1,), bootstrap) as deployment:
            arguments = [one.protocol] if one.protocol == "modbus" else [one.protocol, str(one.tags)]
            device = deployment.child("devices", python("-m", "ironstream.bench.devices", *arguments))
            port = int((await _told(device, "listening on", _LISTENING))[1])
            (deployment.folder / "topology.yaml").write_text(one.topology(port), encoding="utf-8")
            report(f"{one.name}: ironstream", 0, None)
            results.append(await _adapter(deployment, one, seconds))
            report(f"{one.name}: the bare library", 0, None)
            results.append(await _bare(deployment, one, port, seconds))
    return AcquisitionResults(facts, seconds, results)


async def _adapter(deployment: Deployment, one: Scenario, seconds: float) -> AcquisitionResult:
    command = python("-m", "ironstream.cli", "adapter", "--all")
    child = deployment.child("adapter", command, IRONSTREAM_HEALTH_PORT="0")
    health_port = int((await _told(child, "health and metrics on port", _PORT))[1])
    if await deployment.wait_for_count(Topic.TELEMETRY_RAW, one.devices * one.tags, _START_S) == 0:
        raise BenchError(f"Nothing was read. Last words:\n{child.last_words()}", "Try `ironstream adapter test`.")
    await asyncio.sleep(_SETTLING_S)
    loop = asyncio.get_running_loop()
    polls_before = await asyncio.to_thread(_polls, health_port)
    before = await deployment.count(Topic.TELEMETRY_RAW)
    start_s, cpu_s = loop.time(), cpu_seconds(child.pid)
    await asyncio.sleep(seconds)
    values = await deployment.count(Topic.TELEMETRY_RAW) - before
    elapsed_s, cpu_s = loop.time() - start_s, cpu_seconds(child.pid) - cpu_s
    polls = await asyncio.to_thread(_polls, health_port)
    memory_mib = rss_mib(child.pid)
    deployment.check_workers()
    child.stop()
    deployment.workers.remove(child)
    counts = {le: count - polls_before.buckets.get(le, 0) for le, count in polls.buckets.items()}
    polled = bool(counts) and max(counts.values()) > 0
    return AcquisitionResult(
        scenario=one.name,
        who="ironstream",
        wanted_per_s=one.devices * one.tags,
        values_per_s=values / elapsed_s,
        cpu_s_per_s=cpu_s / elapsed_s,
        cpu_us_per_value=cpu_s * 1e6 / max(1, values),
        p50_ms=quantile(counts, 0.5) * 1000 if polled else None,
        p99_ms=quantile(counts, 0.99) * 1000 if polled else None,
        missed=round(polls.missed - polls_before.missed) if polled else None,
        memory_mib=memory_mib,
    )


async def _bare(deployment: Deployment, one: Scenario, port: int, seconds: float) -> AcquisitionResult:
    order = Order(one.protocol, port, one.devices, one.tags, seconds)
    child = deployment.child("bare", python("-m", "ironstream.bench.bare_client", msgspec.json.encode(order).decode()))
    line = await asyncio.to_thread(child.wait_for, '"cycles_s"', _START_S + seconds)
    if line is None:
        raise BenchError(f"The bare library has not read. Last words:\n{child.last_words()}", "Measure again.")
    reads = msgspec.json.decode(line, type=Reads)
    child.stop()
    deployment.workers.remove(child)
    polled = bool(reads.cycles_s)
    return AcquisitionResult(
        scenario=one.name,
        who="bare " + ("pymodbus" if one.protocol == "modbus" else "asyncua"),
        wanted_per_s=one.devices * one.tags,
        values_per_s=reads.values / reads.seconds,
        cpu_s_per_s=reads.cpu_s / reads.seconds,
        cpu_us_per_value=reads.cpu_s * 1e6 / max(1, reads.values),
        p50_ms=float(np.percentile(reads.cycles_s, 50)) * 1000 if polled else None,
        p99_ms=float(np.percentile(reads.cycles_s, 99)) * 1000 if polled else None,
        missed=round(reads.seconds) * one.devices - len(reads.cycles_s) if polled else None,
        memory_mib=None,
    )


async def _told(child: Child, text: str, pattern: re.Pattern[str]) -> re.Match[str]:
    line = await asyncio.to_thread(child.wait_for, text, _START_S)
    found = pattern.search(line or "")
    if found is None:
        raise BenchError(f"The {child.name} did not start. Last words:\n{child.last_words()}", "Measure again.")
    return found


@dataclass(frozen=True, slots=True)
class _Polls:
    """Polls of all pipelines by upper bound (s) of the time they took, each with those below, and those left out."""

    buckets: dict[float, float]
    missed: float


def _polls(port: int) -> _Polls:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    buckets: dict[float, float] = {}
    missed = 0.0
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "adapter_read_seconds_bucket":
                bound = float(sample.labels["le"])
                buckets[bound] = buckets.get(bound, 0) + sample.value
            elif sample.name == "adapter_missed_polls_total":
                missed += sample.value
    return _Polls(buckets, missed)


def quantile(buckets: dict[float, float], share: float) -> float:
    """Quantile of a cumulative histogram, linear within a bucket; of the last finite bound what is beyond it."""
    bounds = sorted(buckets)
    wanted = buckets[bounds[-1]] * share
    low = below = 0.0
    for bound in bounds:
        if buckets[bound] >= wanted:
            if bound == float("inf"):
                return low
            inside = buckets[bound] - below
            return low + (bound - low) * ((wanted - below) / inside if inside else 1.0)
        low, below = bound, buckets[bound]
    return low
