"""`ironstream worker` that also writes where its time went: `python -m ironstream.bench.profiled_worker FILE`.

Clocks are read once per chunk, batch or commit, never per record, so the worker stays about as fast as it is.
"""

from __future__ import annotations

import atexit
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Generator
from pathlib import Path
from types import coroutine
from typing import Any

import msgspec
from aiokafka.producer.message_accumulator import BatchBuilder

from agents.telemetry import TelemetryPartition
from ironstream.bench.profile import Profile
from ironstream.engine import transport
from ironstream.engine.outbox import Lane
from ironstream.engine.packed import PackedBatch
from ironstream.engine.partition import Partition, PartitionOutputs
from ironstream.engine.store import PartitionStore
from ironstream.engine.unpack import FetchedBatches, records_of

Function = Callable[..., Any]


class Recorder:
    """Sums of seconds by step, with a copy of them as they stood at the first and after the last chunk of readings."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._chunks = self._records = 0
        self._first: tuple[float, float, dict[str, float]] | None = None
        self._last = (0.0, 0.0, dict[str, float]())

    def install(self) -> None:
        """Put the clocks in; the names are the engine's own."""
        wall, cpu = time.perf_counter, time.thread_time
        for owner, name, wrapped in (
            (FetchedBatches, "__iter__", self._reached("fetch", FetchedBatches.__iter__, cpu)),
            (transport, "records_of", self._timed("unpack", records_of, wall)),
            (TelemetryPartition, "_take", self._chunk(TelemetryPartition._take)),
            (PartitionOutputs, "send_many", self._send_many(PartitionOutputs.send_many)),
            (PartitionOutputs, "send_pieces", self._send_pieces(PartitionOutputs.send_pieces)),
            (PackedBatch, "_build", self._timed("produce", PackedBatch._build, wall)),
            (BatchBuilder, "_build", self._timed("produce", BatchBuilder._build, wall)),
            (Lane, "_send", self._stepped("produce", Lane._send)),
            (Partition, "commit", self._stepped("commit", Partition.commit)),
            (PartitionStore, "write", self._timed("store", PartitionStore.write, cpu)),
        ):
            setattr(owner, name, wrapped)

    def profile(self) -> Profile:
        """What was recorded from the first chunk of readings to the last."""
        if self._first is None:
            return Profile(0.0, 0.0, 0, 0, {})
        began, cpu_began, before = self._first
        ended, cpu_ended, after = self._last
        steps = {step: until - before.get(step, 0.0) for step, until in after.items()}
        return Profile(ended - began, cpu_ended - cpu_began, self._chunks, self._records, steps)

    def _timed(self, step: str, function: Function, clock: Callable[[], float]) -> Function:
        """The function, its time by `clock` added to `step`."""
        seconds = self.seconds

        def measured(*args: Any, **kwargs: Any) -> Any:
            started = clock()
            try:
                return function(*args, **kwargs)
            finally:
                seconds[step] += clock() - started

        return measured

    def _reached(self, step: str, function: Function, clock: Callable[[], float]) -> Function:
        """The function; `step` is what `clock` of its thread shows."""
        seconds = self.seconds

        def measured(*args: Any) -> Any:
            result = function(*args)
            seconds[step] = clock()
            return result

        return measured

    def _stepped(self, step: str, function: Callable[..., Coroutine[Any, Any, Any]]) -> Function:
        """The coroutine function, the time that it runs itself (not what it waits for) added to `step`."""
        seconds = self.seconds

        @coroutine
        def drive(running: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
            advance: Callable[[Any], Any] = running.send
            value: Any = None
            while True:
                started = time.perf_counter()
                try:
                    waited_for = advance(value)
                except StopIteration as end:
                    return end.value
                finally:
                    seconds[step] += time.perf_counter() - started
                try:
                    value = yield waited_for
                    advance = running.send
                except BaseException as err:  # handed on to the coroutine, cancellation above all
                    value, advance = err, running.throw

        async def measured(*args: Any) -> Any:
            return await drive(function(*args))

        return measured

    def _send_many(self, send_many: Function) -> Function:
        """`PartitionOutputs.send_many`: rows are encoded while they are iterated over, so this comes first."""
        seconds = self.seconds

        def measured(outputs: PartitionOutputs, topic: str, rows: Any) -> None:
            ready = list(rows)
            started = time.perf_counter()
            send_many(outputs, topic, ready)
            spent = time.perf_counter() - started
            seconds["produce"] += spent
            # the agent counts it as encoding
            seconds["encode"] -= spent

        return measured

    def _send_pieces(self, send_pieces: Function) -> Function:
        """`PartitionOutputs.send_pieces`, which the agent counts as encoding."""
        seconds = self.seconds

        def measured(outputs: PartitionOutputs, topic: str, pieces: Any) -> None:
            started = time.perf_counter()
            send_pieces(outputs, topic, pieces)
            spent = time.perf_counter() - started
            seconds["produce"] += spent
            seconds["encode"] -= spent

        return measured

    def _chunk(self, take: Function) -> Function:
        """`TelemetryPartition._take`, which keeps the times of its own steps."""
        seconds = self.seconds

        def measured(agent: TelemetryPartition, records: Any, out: Any) -> None:
            if self._first is None:
                self._first = (time.perf_counter(), time.thread_time(), dict(seconds))
            before, started = dict(agent.seconds), time.perf_counter()
            take(agent, records, out)
            spent = time.perf_counter() - started
            for step, until in agent.seconds.items():
                seconds[step] += until - before.get(step, 0.0)
                spent -= until - before.get(step, 0.0)
            # Thousands of objects go when the function returns, after the agent has read its clock.
            seconds["free"] += spent
            self._chunks += 1
            self._records += len(records)
            self._last = (time.perf_counter(), time.thread_time(), dict(seconds))

        return measured


def main(path: Path) -> None:
    """Run the worker until SIGTERM, then write the profile to `path`."""
    from ironstream.commands.worker import worker

    recorder = Recorder()
    recorder.install()
    # Faust ends the process from within its event loop
    atexit.register(lambda: path.write_bytes(msgspec.json.encode(recorder.profile())))
    worker()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
