"""What is done to a deployment while it works. Each fault returns when it has been done and work goes on."""

from __future__ import annotations

import asyncio
import signal
import time

from ironstream.embedded import EmbeddedKafka
from tests.support.faults.deployment import Deployment, Worker

_STARTED_S = 60.0


async def kill_workers(on: Deployment, times: int, *, delete_state_every: int = 0) -> None:
    """kill -9 of the only worker at a random moment of its work, and a new one at once."""
    worker = on.only_worker()
    for number in range(1, times + 1):
        await on.processing()
        await asyncio.sleep(on.random.uniform(0.0, 2.0))
        worker.kill()
        on.faults["kill -9 of the worker"] += 1
        if delete_state_every and number % delete_state_every == 0:
            on.delete_state()
        worker = on.start_worker()
    await on.processing()


async def join_and_leave(on: Deployment, times: int) -> None:
    """A second worker that comes for some seconds and goes, in order or by kill -9."""
    on.only_worker()
    await on.processing()
    for number in range(times):
        second = on.start_worker()
        # until it takes signals it ends by them, whatever it was told
        while "partitions restored" not in second.last_words(500):
            assert second.running, second.last_words()
            await asyncio.sleep(0.1)
        await asyncio.sleep(on.random.uniform(1.0, 5.0))
        on.faults["a second worker came and went"] += 1
        if number % 2:
            second.kill()
        else:
            second.send(signal.SIGTERM)
            code = await second.exit(45)
            assert code == 0, f"the second worker exited with {code}\n{second.last_words()}"
    await on.processing()


async def stop_and_continue(on: Deployment) -> None:
    """SIGSTOP past the session timeout while another worker takes over, then SIGCONT: the sleeper must step back."""
    sleeper = on.only_worker()
    await on.processing()
    sleeper.send(signal.SIGSTOP)
    on.faults["SIGSTOP past the session timeout"] += 1
    other = on.start_worker()
    await asyncio.sleep(on.settings.session_timeout_s + 3.0)
    await on.processing()
    sleeper.send(signal.SIGCONT)
    code = await sleeper.exit(30)
    assert code != 0, "a worker that lost its session must not end as if all were well"
    assert other.running, other.last_words()


async def kill_broker(on: Deployment, kafka: EmbeddedKafka, times: int) -> None:
    """kill -9 of the broker and a restart on the same data; workers that gave up are started again."""
    on.only_worker()
    await on.processing()
    for _ in range(times):
        await asyncio.sleep(on.random.uniform(0.0, 2.0))
        kafka.kill()
        on.faults["kill -9 of the broker"] += 1
        await asyncio.sleep(on.random.uniform(0.0, 1.5))
        await kafka.start()
        await somebody_works(on)


async def stop_broker(on: Deployment, kafka: EmbeddedKafka) -> None:
    """The broker is stopped in order under load and started again; workers that gave up are started again."""
    on.only_worker()
    await on.processing()
    await kafka.stop()
    on.faults["stop of the broker in order"] += 1
    await asyncio.sleep(on.random.uniform(0.0, 3.0))
    await kafka.start()
    await somebody_works(on)


async def rebalance_storm(on: Deployment, seconds: float, most: int = 3) -> None:
    """Every 1 to 3 s a worker comes, goes in order or is killed, so that one rebalance meets the next."""
    on.only_worker()
    await on.processing()
    leaving: list[Worker] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        living = [worker for worker in on.workers if worker.running and worker not in leaving]
        chance = on.random.random()
        if not living or (chance < 0.5 and len(living) < most):
            on.start_worker()
            on.faults["storm: a worker joined"] += 1
        elif chance < 0.75:
            on.random.choice(living).kill()
            on.faults["kill -9 of the worker"] += 1
        else:
            leaving.append(on.random.choice(living))
            leaving[-1].send(signal.SIGTERM)
            on.faults["storm: a worker left"] += 1
        await asyncio.sleep(on.random.uniform(1.0, 3.0))
    for worker in leaving:
        # asked before its handler for the signal was there, it dies of it
        code = await worker.exit(60)
        assert code in (0, -signal.SIGTERM), (
            f"a worker that was asked to stop exited with {code}\n{worker.last_words()}"
        )
    await somebody_works(on)


async def crash_at(on: Deployment, point: str, count: int) -> None:
    """A worker that dies when it comes to a named point for the `count`th time."""
    on.no_worker()
    worker = on.start_worker(f"{point}:{count}")
    if point == "in_revoke":
        await on.processing()
        on.start_worker()
    code = await worker.exit(_STARTED_S)
    assert code == -signal.SIGKILL, f"the worker ended with {code} before {point}\n{worker.last_words()}"
    on.faults[f"died {point}"] += 1


async def somebody_works(on: Deployment) -> None:
    """Progress, with whatever restarts of workers it takes."""
    deadline = time.monotonic() + _STARTED_S
    while time.monotonic() < deadline:
        on.only_worker()
        try:
            await on.processing(within_s=6.0)
        except AssertionError:
            continue
        return
    raise AssertionError(f"no progress after the fault\n{on.last_words()}")
