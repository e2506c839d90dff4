"""Asks a process how it is, again and again, until it must be taken for hung."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp

from ironstream.gateway.processes.child import AdapterProcess
from ironstream.gateway.processes.messages import MessageError, Report
from ironstream.gateway.processes.settings import Supervision

_READY_POLL_S = 0.05


async def watch(
    process: AdapterProcess,
    session: aiohttp.ClientSession,
    times: Supervision,
    wanted: Callable[[], set[str]],
    told: Callable[[Report | None, int], None],
) -> str:
    """Returns why the process must be taken for hung; until then `told` is given each report, or None and the misses.

    It is asked more often at first, until all of the `wanted` pipelines are healthy: devices are being connected then.
    """
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    while process.health_port is None:
        if loop.time() - started_s > times.start_timeout_s:
            return f"it was not ready within {times.start_timeout_s:g} s"
        await asyncio.sleep(_READY_POLL_S)
    missed = 0
    while True:
        report: Report | None = None
        try:
            report = await process.report(session, times.health_timeout_s)
            missed = 0
        except (aiohttp.ClientError, TimeoutError, MessageError):
            missed += 1
        told(report, missed)
        if missed >= times.hung_after:
            return f"it did not answer {missed} times in a row"
        settled = loop.time() - started_s > times.health_interval_s or _all_healthy(report, wanted())
        await asyncio.sleep(times.health_interval_s if settled else times.health_interval_s / 10)


def _all_healthy(report: Report | None, wanted: set[str]) -> bool:
    return report is not None and all(
        name in report.pipelines and report.pipelines[name].status == "healthy" for name in wanted
    )
