from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from ironstream.bench.deployment import BenchError
from ironstream.bench.profile import MAIN_STEPS, THREAD_STEPS, Profile, read_profile, split
from ironstream.bench.profiled_worker import Recorder


def test_the_main_thread_s_steps_and_the_rest_are_all_of_its_time() -> None:
    one = Profile(2.0, 1.5, 10, 1000, {"decode": 0.5, "stages": 0.25, "fetch": 0.75})
    two = Profile(4.0, 2.0, 30, 5000, {"decode": 1.0, "commit": 0.125})

    result = split([one, two])

    assert result.elapsed_s == 6
    assert sum(result.seconds[step] for step in (*MAIN_STEPS, "other")) == pytest.approx(6)
    assert result.seconds["decode"] == 1.5
    assert result.seconds["fetch"] == 0.75
    assert result.records_per_chunk == 150
    assert result.share("decode") == 0.25


def test_no_worker_s_work_is_a_split_of_nothing() -> None:
    result = split([Profile(0.0, 0.0, 0, 0, {})])

    assert set(result.seconds) == {*MAIN_STEPS, *THREAD_STEPS, "other"}
    assert result.share("decode") == 0


def test_a_profile_is_read_as_it_was_written(tmp_path: Path) -> None:
    profile = Profile(2.0, 1.5, 10, 1000, {"decode": 0.5})
    path = tmp_path / "profile.json"
    path.write_bytes(msgspec.json.encode(profile))

    assert read_profile(path) == profile


@pytest.mark.parametrize("content", [None, b"", b"{}", b"[1"])
def test_a_profile_that_is_missing_or_cut_off_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "profile.json"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(BenchError, match="where its time went"):
        read_profile(path)


class _Agent:
    """An agent that takes 3 s to decode and 2 s to encode, by its own clock."""

    def __init__(self) -> None:
        self.seconds = {"decode": 1.0}

    def take(self, _records: Any, _out: Any) -> None:
        self.seconds["decode"] += 3.0
        self.seconds["encode"] = self.seconds.get("encode", 0.0) + 2.0


def test_an_agent_s_own_times_are_counted_from_the_first_chunk() -> None:
    recorder = Recorder()
    agent = _Agent()
    take = recorder._chunk(_Agent.take)

    take(agent, [1, 2, 3], None)
    take(agent, [4, 5], None)

    profile = recorder.profile()
    assert (profile.chunks, profile.records) == (2, 5)
    assert profile.seconds["decode"] == 6
    assert profile.seconds["encode"] == 4


def test_what_is_sent_counts_as_produced_and_not_as_encoded() -> None:
    recorder = Recorder()
    sent: list[tuple[str, list[int]]] = []
    outputs = SimpleNamespace(send=lambda topic, rows: sent.append((topic, rows)))

    recorder._send_many(lambda outputs, topic, rows: outputs.send(topic, rows))(outputs, "t", iter([1, 2]))

    assert sent == [("t", [1, 2])]
    assert recorder.seconds["produce"] > 0
    assert recorder.seconds["encode"] == -recorder.seconds["produce"]


async def test_a_coroutine_s_waiting_is_not_its_work(monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    recorder = Recorder()
    gate = asyncio.Event()

    async def work(result: int) -> int:
        await gate.wait()
        return result

    running = asyncio.ensure_future(recorder._stepped("commit", work)(7))
    await asyncio.sleep(0.05)
    gate.set()

    assert await running == 7
    assert 0 < recorder.seconds["commit"] < 0.05


async def test_a_coroutine_that_fails_or_is_cancelled_does_so_through_the_clock() -> None:
    import asyncio

    recorder = Recorder()
    cleaned = []

    async def fails() -> None:
        raise ValueError("no")

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(1)

    with pytest.raises(ValueError, match="no"):
        await recorder._stepped("commit", fails)()
    running = asyncio.ensure_future(recorder._stepped("commit", waits)())
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert cleaned == [1]
