"""Keeps one process of adapters running: starts it, watches it, brings it back, and ends it in order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import Final

import aiohttp

from ironstream.errors import ConfigurationError
from ironstream.gateway.pipeline import PipelineSpec
from ironstream.gateway.processes.child import AdapterProcess
from ironstream.gateway.processes.events import first_of
from ironstream.gateway.processes.log import GatewayLog
from ironstream.gateway.processes.messages import Applied, Report, Wanted
from ironstream.gateway.processes.settings import Supervision
from ironstream.gateway.processes.view import ProcessState, ProcessView
from ironstream.gateway.processes.watch import watch
from ironstream.gateway.schedule import backoff_s

_BAD_CONFIGURATION: Final = ConfigurationError.exit_code


class Keeper:
    """One process by name. `want` says what it is to run, from the start to `stop`, whatever happens to it meanwhile.

    A dead process comes back, later each time it dies soon again; a hung one is killed first. One that refuses its
    settings (exit code 2) stays away until something else is wanted of it.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        env: Mapping[str, str],
        supervision: Supervision,
        session: aiohttp.ClientSession,
        log: GatewayLog,
    ) -> None:
        self.name = name
        self.pipelines: tuple[PipelineSpec, ...] = ()
        self._command = command
        self._env = env
        self._supervision = supervision
        self._session = session
        self._log = log
        self._random = Random()
        self._process: AdapterProcess | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._changed = asyncio.Event()
        self._news = asyncio.Event()
        self._number = 0
        self._applied: Applied | None = None
        self._state = ProcessState.STARTING
        self._detail: str | None = None
        self._restarts = 0
        self._report: Report | None = None
        self._clean = True
        self._failure: str | None = None

    @property
    def view(self) -> ProcessView:
        """What is known of it now."""
        process = self._process
        return ProcessView(
            name=self.name,
            state=self._state,
            pipelines=[pipeline.id for pipeline in self.pipelines],
            pid=None if process is None else process.pid,
            restarts=self._restarts,
            detail=self._detail,
            report=self._report,
            refused={} if self._applied is None else self._applied.refused,
        )

    @property
    def faults(self) -> list[str]:
        """What of it does not run, and why."""
        if self._state is ProcessState.REFUSED:
            return [f"process {self.name}: {self._failure}"]
        refused = {} if self._applied is None else self._applied.refused
        return [f"pipeline {name}: {fault}" for name, faults in refused.items() for fault in faults]

    def want(self, pipelines: Sequence[PipelineSpec]) -> None:
        """Have it run these from now on; the same as before is told once more only after its return."""
        if tuple(pipelines) == self.pipelines and self._number:
            return
        self.pipelines = tuple(pipelines)
        self._number += 1
        self._changed.set()
        if self._process is not None:
            self._process.want(Wanted(self._number, list(self.pipelines)))

    def start(self) -> None:
        """Begin to keep it running; may be repeated."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep(), name=f"keeper of {self.name}")

    async def applied(self) -> None:
        """Wait until it has done what was wanted last, or is not there."""
        while self._process is not None and (self._applied is None or self._applied.number != self._number):
            self._news.clear()
            await self._news.wait()

    async def settled(self) -> None:
        """Wait until it has done what was wanted last, however often it dies before, or will not do it."""
        while self._state is not ProcessState.REFUSED and (
            self._applied is None or self._applied.number != self._number
        ):
            self._news.clear()
            await self._news.wait()

    async def stop(self) -> bool:
        """End it in order, by force if it takes too long; False when that was so, or it could not flush."""
        self._stopping.set()
        if self._task is None:
            return True
        process = self._process
        if process is not None:
            process.end()
        # waiting so does not end the task when the wait is cancelled
        done, _ = await asyncio.wait({self._task}, timeout=self._supervision.stop_timeout_s)
        if not done and self._process is not None:
            self._log.error("process_killed", process=self.name, pid=self._process.pid, reason="it did not end")
            self._process.kill()
        await asyncio.wait({self._task})
        self._state = ProcessState.STOPPED
        return process is None or self._clean

    async def scrape(self) -> bytes:
        """Its metrics as text; empty when there are none to be had."""
        process = self._process
        if process is None or process.health_port is None:
            return b""
        with suppress(aiohttp.ClientError, TimeoutError):
            async with asyncio.timeout(self._supervision.health_timeout_s):
                return await process.get(self._session, "/metrics")
        return b""

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        attempt = 0
        while True:
            started_s = loop.time()
            self._changed.clear()
            try:
                code = await self._run_once()
            except Exception as error:
                # as a supervisor: without its keeper a process would never come back
                self._log.error("process_keeping_failed", process=self.name, error=f"{type(error).__name__}: {error}")
                code = None
            if self._stopping.is_set():
                return
            self._restarts += 1
            if loop.time() - started_s > self._supervision.steady_s:
                attempt = 0
            if code == _BAD_CONFIGURATION:
                self._refuse()
                await first_of(self._stopping, self._changed)
            else:
                await first_of(self._stopping, self._changed, timeout_s=self._died(attempt, code))
            if self._stopping.is_set():
                return
            # what is wanted now may not have the old one's trouble
            attempt = 0 if self._changed.is_set() else attempt + 1

    def _refuse(self) -> None:
        self._state = ProcessState.REFUSED
        self._news.set()
        self._detail = f"it is not started again until its pipelines change: {self._failure or 'exit code 2'}"
        self._log.error("process_refused", process=self.name, error=self._failure)

    def _died(self, attempt: int, code: int | None) -> float:
        """Tell that it ended by itself; the pause before it is started again, in seconds."""
        times = self._supervision
        pause_s = backoff_s(attempt, self._random, times.backoff_initial_s, times.backoff_max_s)
        self._state = ProcessState.WAITING
        self._detail = f"it ended ({_end(code)}) and is started again"
        self._log.error(
            "process_ended", process=self.name, exit_code=code, reason=_end(code), again_in_s=round(pause_s, 2)
        )
        return pause_s

    async def _run_once(self) -> int | None:
        """Start the process and stay until its end; its exit code, None when it could not be started."""
        self._state, self._detail = ProcessState.STARTING, "it is starting"
        try:
            process = await AdapterProcess.start(self._command, self._env, self._on_applied)
        except OSError as error:
            self._log.error("process_not_started", process=self.name, error=str(error))
            return None
        self._process = process
        self._log.info(
            "process_started",
            process=self.name,
            pid=process.pid,
            pipelines=[pipeline.id for pipeline in self.pipelines],
        )
        process.want(Wanted(self._number, list(self.pipelines)))
        if self._stopping.is_set():
            process.end()
        watching = asyncio.create_task(self._watch(process), name=f"watch of {self.name}")
        try:
            code = await process.ended()
            self._failure = process.failure
            # before it was ready it had read nothing that could be lost
            self._clean = code == 0 or process.health_port is None
        finally:
            process.kill()
            self._process = self._report = self._applied = None
            self._news.set()
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        if self._stopping.is_set():
            self._log.info("process_stopped", process=self.name, exit_code=code)
        return code

    async def _watch(self, process: AdapterProcess) -> None:
        """Follow its health; kill it when it hangs, but for its end, which has a limit of its own."""
        reason = await watch(
            process,
            self._session,
            self._supervision,
            lambda: {pipeline.id for pipeline in self.pipelines},
            self._on_report,
        )
        if not self._stopping.is_set():
            self._log.error("process_hung", process=self.name, pid=process.pid, reason=reason)
            process.kill()

    def _on_report(self, report: Report | None, missed: int) -> None:
        # without an answer, what it said before is no news of how it is now
        self._report = report
        if report is None:
            self._detail = f"it does not answer ({missed} times in a row)"
        else:
            self._state, self._detail = ProcessState.RUNNING, None

    def _on_applied(self, applied: Applied) -> None:
        self._log.applied(self.name, self._applied, applied)
        self._applied = applied
        self._news.set()


def _end(code: int | None) -> str:
    if code is None:
        return "not started"
    if code < 0:
        with suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"
