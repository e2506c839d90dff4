"""The measurement: a plant at its rate, the web view started beside it, its pages in a browser, for as long as told."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

import httpx
import msgspec
import numpy as np
from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.web.browser import FirstPaint, Held, MeasuredPage, Smoothness
from benchmarks.web.plant import PROBE, Probe, topology_of
from ironstream.bench.deployment import BenchError, Deployment, deploy
from ironstream.bench.measure import Machine, machine, rss_mib
from ironstream.bench.pacer import Order, Phase
from ironstream.bench.plant import SITE, TENANT, WINDOWS_S, Plant
from ironstream.commands.children import Child, ironstream, python
from ironstream.contract import Topic
from tests.support.browser import Page, start_chromium

PAGES: Final[Mapping[str, str]] = {
    "overview": ".overview [data-field=readings_per_s]",
    "assets": ".grid-row",
    "alarms": ".grid-row",
    f"asset/{TENANT}/{SITE}/machine-00000": "tr[data-series]",
    f"series/{TENANT}/{SITE}/machine-00000/p0": ".u-over",
    "tables": ".grid-row",
}
"""Pages with what their first data looks like."""
LISTS: Final = ("assets", "alarms", "tables")
_PROBE_PAGE: Final = f"asset/{PROBE.tenant_id}/{PROBE.site_id}/{PROBE.asset_id}"
_START_S: Final = 180.0
_SETTLING_S: Final = 75.0
"""More than a period of the plant's values: each alarm has been raised by then."""
_READY_RUNS: Final = 3
_LOADS: Final = 5
_PROBES: Final = 100
_PROBE_EVERY_S: Final = 0.37
"""No multiple of anything that ticks."""
_SAMPLE_S: Final = 60.0
_WAITING_S: Final = 3600.0
"""How much longer than the watch the plant may be kept waiting for the browser."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ToPixel:
    """ms until a value was on the screen: since it was handed to a producer of telemetry.raw, and since another
    consumer had its clean reading.
    """

    readings: int
    raw_p50_ms: float
    raw_p99_ms: float
    raw_max_ms: float
    clean_p50_ms: float
    clean_p99_ms: float
    clean_max_ms: float


@dataclass(frozen=True, slots=True)
class Sample:
    """Memory of the web view's process, and of a page that went through all pages since the sample before."""

    minute: float
    web_mib: float
    page: Held


@dataclass(frozen=True, slots=True)
class WebResult:
    """All that was measured. `ready_s`: from the start of the process until all state was read, each time."""

    machine: Machine
    series: int
    alarms: int
    readings_per_s: float
    ready_s: list[float]
    first_paint: list[FirstPaint]
    to_pixel: ToPixel
    smoothness: list[Smoothness]
    memory: list[Sample]


async def measure_web(*, series: int, alarms: int, hz: float, minutes: float, say: Say) -> WebResult:
    """Measure; raises BenchError where there are fewer series or alarms than told, or a value was never shown."""
    facts = machine(own_kafka=True)
    plant = Plant(series, hz, 0)
    rate = max(1, round(series * hz))
    async with deploy(topology_of(plant, alarms), WINDOWS_S, None) as deployment:
        await deployment.restored(deployment.worker())
        seconds = minutes * 60 + _WAITING_S
        order = Order((Phase(rate, seconds),), series, f"bench-{secrets.token_hex(4)}")
        deployment.child("pacer", python("-m", "ironstream.bench.pacer", msgspec.json.encode(order).decode()))
        await Probe(deployment.settings).send(1, 0)
        say(f"{rate} readings/s of {series} series; {_SETTLING_S:.0f} s until each alarm was raised")
        await asyncio.sleep(_SETTLING_S)
        ready_s = [await _start(deployment, number) for number in range(_READY_RUNS)]
        web, address = await _web(deployment, _READY_RUNS)
        await _overview(address, lambda there: there["series"] > series and there["alarms"]["unacked"] >= alarms)
        chrome = await asyncio.to_thread(start_chromium)
        try:
            page = MeasuredPage(Page(chrome, address))
            say("first paint")
            first = [await asyncio.to_thread(page.first_paint, *one, _LOADS) for one in PAGES.items()]
            say("from Kafka to the pixel")
            to_pixel = await _to_pixel(deployment, page)
            say("scrolling")
            smooth = [await asyncio.to_thread(page.scroll, name, PAGES[name], ".grid") for name in LISTS]
            memory = await _watch(deployment, web, page, minutes, say)
            seen = await _overview(address, lambda there: there["readings_per_s"])
        finally:
            await asyncio.to_thread(chrome.quit)
        return WebResult(
            facts, seen["series"], seen["alarms"]["unacked"], seen["readings_per_s"], ready_s, first, to_pixel, smooth,
            memory,
        )  # fmt: skip


async def _start(deployment: Deployment, number: int) -> float:
    began = time.monotonic()
    web, address = await _web(deployment, number)
    async with httpx.AsyncClient(base_url=address) as client:
        while (await client.get("/ready")).status_code != httpx.codes.OK:
            if time.monotonic() - began > _START_S:
                raise BenchError(f"The web view is not ready. Its last words:\n{web.last_words()}", "Measure again.")
            await asyncio.sleep(0.02)
    took_s = time.monotonic() - began
    deployment.workers.remove(web)
    await asyncio.to_thread(web.stop)
    return took_s


async def _web(deployment: Deployment, number: int) -> tuple[Child, str]:
    web = deployment.child(f"web-{number}", ironstream("web", "--port", "0"))
    line = await asyncio.to_thread(web.wait_for, "http://127.0.0.1:", _START_S)
    if line is None:
        raise BenchError(f"The web view did not start. Its last words:\n{web.last_words()}", "Try `ironstream web`.")
    return web, next(word.rstrip(";") for word in line.split() if word.startswith("http://"))


async def _overview(address: str, is_there: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """What the overview says of the plant's one site, once all is there that should be."""
    deadline = time.monotonic() + _START_S
    async with httpx.AsyncClient(base_url=address, timeout=30) as client:
        while True:
            answer = await client.get("/api/v1/overview")
            if answer.status_code == httpx.codes.OK:
                site: dict[str, Any]
                [site] = answer.json()["sites"]
                if is_there(site):
                    return site
            if time.monotonic() > deadline:
                raise BenchError(f"Not all series and alarms are there: {answer.text}", "Lower the rate?")
            await asyncio.sleep(0.5)


async def _to_pixel(deployment: Deployment, page: MeasuredPage) -> ToPixel:
    # one reading was sent before, for the page to have a row
    probe = Probe(deployment.settings, first=2)
    await asyncio.to_thread(page.open, _PROBE_PAGE, "tr[data-series] [data-value]", str(PROBE))
    async with _clean_times(deployment) as clean_ms:
        await probe.send(_PROBES, _PROBE_EVERY_S)
        await asyncio.sleep(3)
    painted: dict[str, float] = {}
    for value, at_ms in await asyncio.to_thread(page.painted):
        painted.setdefault(value, at_ms)
    if missing := probe.sent_ms.keys() - (painted.keys() & clean_ms.keys()):
        raise BenchError(f"{len(missing)} of {_PROBES} values were never on the screen: {sorted(missing)[:5]}", "")
    raw = np.asarray([painted[value] - sent for value, sent in probe.sent_ms.items()])
    clean = np.asarray([painted[value] - at_ms for value, at_ms in clean_ms.items()])
    return ToPixel(len(raw), *_spread(raw), *_spread(clean))


def _spread(ages_ms: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[float, float, float]:
    return median(ages_ms.tolist()), float(np.percentile(ages_ms, 99)), float(ages_ms.max())


@asynccontextmanager
async def _clean_times(deployment: Deployment) -> AsyncIterator[dict[str, float]]:
    """When clean readings of the probe came to a consumer of their own (ms since the epoch), by value, as they come.

    Their timestamps tell nothing of it: a clean reading has that of its raw one.
    """
    settings, times = deployment.settings, dict[str, float]()
    name = settings.topic(Topic.TELEMETRY_CLEAN)
    places = [TopicPartition(name, number) for number in range(settings.partitions)]
    consumer = AIOKafkaConsumer(**settings.kafka_client_kwargs(), enable_auto_commit=False)

    async def read() -> None:
        while True:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                now_ms = time.time() * 1000
                for record in records:
                    if record.key == PROBE.kafka_key:
                        times.setdefault(str(int(msgspec.json.decode(record.value)["value"])), now_ms)

    await consumer.start()
    consumer.assign(places)
    await consumer.seek_to_end(*places)
    task = asyncio.create_task(read())
    try:
        yield times
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await consumer.stop()


async def _watch(deployment: Deployment, web: Child, page: MeasuredPage, minutes: float, say: Say) -> list[Sample]:
    """Somebody who goes through all pages for so long, and looks at each for a while."""
    began = time.monotonic()
    await asyncio.to_thread(page.open, "overview", PAGES["overview"])
    samples: list[Sample] = []
    while True:
        for name, data in PAGES.items():
            await asyncio.to_thread(page.go, name, data)
            await asyncio.sleep(_SAMPLE_S / len(PAGES))
        await asyncio.to_thread(page.go, "overview", PAGES["overview"])
        deployment.check_workers()
        minute = (time.monotonic() - began) / 60
        samples.append(Sample(minute, rss_mib(web.pid), await asyncio.to_thread(page.held)))
        last = samples[-1]
        say(f"minute {minute:.0f}: web {last.web_mib:.0f} MiB, page {last.page.heap_mib:.1f} MiB, {last.page.nodes}")
        if minute >= minutes:
            return samples
