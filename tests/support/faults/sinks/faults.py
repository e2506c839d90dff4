"""What is done to the processes of a sink. Each returns when it has been done and the sink writes again."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence

from tests.support.faults.sinks.plant import SESSION_S, SinkPlant
from tests.support.sinks.rig import Sink

_DIES_S = 60.0


def only(on: SinkPlant, sink_id: str) -> Sink:
    """The one process of a sink that runs: made where there is none, others are killed."""
    first, *others = on.running(sink_id) or [on.start(sink_id)]
    for other in others:
        on.kill(other)
    return first


async def kill(on: SinkPlant, sink_id: str, times: int = 1) -> None:
    """kill -9 at a random moment, and a new process at once."""
    process = only(on, sink_id)
    for _ in range(times):
        await on.works(sink_id)
        await asyncio.sleep(on.random.uniform(0.0, 0.7))
        on.kill(process)
        on.faults["kill -9"] += 1
        process = on.start(sink_id)
    await on.works(sink_id)


async def die_at(on: SinkPlant, sink_id: str, points: Sequence[tuple[str, int]]) -> None:
    """One process after the other, each of which dies when it comes to a point (name, which visit)."""
    for process in on.running(sink_id):
        on.kill(process)
    for point, visit in points:
        code = await on.start(sink_id, f"{point}:{visit}").ended(_DIES_S)
        assert code == -signal.SIGKILL, f"{sink_id} ended with {code} before {point}\n{on.last_words(sink_id)}"
        on.faults[f"died {point}"] += 1
    on.start(sink_id)
    await on.works(sink_id)


async def sleep_past_session(on: SinkPlant, sink_id: str) -> None:
    """SIGSTOP past the session timeout while another process takes over, then SIGCONT: it must step back."""
    sleeper = only(on, sink_id)
    await on.works(sink_id)
    await asyncio.sleep(on.random.uniform(0.0, 0.3))
    sleeper.child.send_signal(signal.SIGSTOP)
    on.faults["SIGSTOP past the session timeout"] += 1
    other = on.start(sink_id)
    await asyncio.sleep(SESSION_S + 0.5)
    await on.works(sink_id)
    sleeper.child.send_signal(signal.SIGCONT)
    assert await sleeper.ended() != 0, "a process that lost its session must not end as if all were well"
    assert other.child.poll() is None, other.said()[-3000:]
    await on.works(sink_id)


async def join_and_leave(on: SinkPlant, sink_id: str, *, in_order: bool) -> None:
    """A second process comes, takes its share, and goes, in order or by kill -9."""
    only(on, sink_id)
    await on.works(sink_id)
    second = on.start(sink_id)
    while "partitions taken over" not in second.said():
        assert second.child.poll() is None, second.said()[-3000:]
        await asyncio.sleep(0.1)
    await on.works(sink_id)
    await asyncio.sleep(on.random.uniform(0.2, 1.0))
    on.faults["a second process came and went"] += 1
    if in_order:
        assert await second.stopped() == 0, second.said()[-3000:]
    else:
        on.kill(second)
    await on.works(sink_id)
