"""A sink's target as its flows share it: connected when it can be, tried again until a cut is written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog

from ironstream.engine.crashpoints import crash_point
from ironstream.sinks.breaker import Admission, Breaker
from ironstream.sinks.sink import Cut, Refusal, Sink, SinkUnavailableError
from ironstream.sinks.stats import SinkStats

log = structlog.get_logger(__name__)

_SLICE_S: Final = 0.25


class Target:
    """Writes cuts of several flows at once; every failure that may pass is waited for."""

    def __init__(self, sink: Sink[Any], write_timeout_s: float, stats: SinkStats, breaker: Breaker) -> None:
        self._sink = sink
        self._timeout_s = write_timeout_s
        self._stats = stats
        self._breaker = breaker
        self._connection = 0
        """Number of the connection, which is there when `_connected`."""
        self._connected = False
        self._connecting = asyncio.Lock()

    async def write(self, cut: Cut[Any], abandoned: Callable[[], bool]) -> Sequence[Refusal] | None:
        """Write a cut, however long it takes; what the target refused. None: given up because it was `abandoned`."""
        while (admission := await self._breaker.admitted(abandoned)) is not None:
            connection = 0
            try:
                async with asyncio.timeout(self._timeout_s) as limit:
                    connection = await self._connect()
                    crash_point("before_write")
                    with self._stats.writing(cut.topic):
                        refusals = await self._sink.write(cut)
            except (SinkUnavailableError, TimeoutError) as err:
                told = self._told(err, limit)
                if told.reconnect and connection == self._connection:
                    # Another topic may have connected anew since; its connection is not the one that failed.
                    self._connected = False
                await self._failed(told, admission, cut, abandoned)
                continue
            except BaseException:
                self._breaker.let_go(admission)
                raise
            crash_point("after_write")
            self._breaker.succeeded(admission)
            self._stats.recovered()
            return refusals
        return None

    async def close(self) -> None:
        """Let go of the target."""
        await self._sink.close()

    async def _connect(self) -> int:
        async with self._connecting:
            if not self._connected:
                await self._sink.connect()
                self._connection += 1
                self._connected = True
            return self._connection

    def _told(self, err: SinkUnavailableError | TimeoutError, limit: asyncio.Timeout) -> SinkUnavailableError:
        if isinstance(err, SinkUnavailableError):
            return err
        if limit.expired():
            return _TooSlowError(
                f"the write took longer than {self._timeout_s:g} s", "raise write_timeout_s, or write less at once"
            )
        return _TooSlowError(f"the target did not answer in time: {err}", "look at the target and the way to it")

    async def _failed(
        self, err: SinkUnavailableError, admission: Admission, cut: Cut[Any], abandoned: Callable[[], bool]
    ) -> None:
        pause_s = self._breaker.failed(admission, err.retry_after_s, progressed=err.progressed)
        self._stats.failed(err.kind, err.message)
        log.warning(
            "target did not take a cut, it is tried again",
            topic=cut.topic, rows=len(cut), error=err.message, hint=err.hint, progressed=err.progressed,
            breaker_open=self._breaker.is_open,
        )  # fmt: skip
        while pause_s > 0 and not abandoned():
            await asyncio.sleep(min(pause_s, _SLICE_S))
            pause_s -= _SLICE_S


class _TooSlowError(SinkUnavailableError):
    """No answer within the time that a write may take."""

    kind = "timeout"
