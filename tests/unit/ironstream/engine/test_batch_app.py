"""When a worker finds that it has slept past its session, and that a slow start is none of that."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from ironstream.engine import batch_app
from ironstream.engine.batch_app import BatchApp
from ironstream.engine.config import EngineConfig

SESSION_S = 10.0


class Exited(Exception):
    """In place of the end of the process."""


class EndOfScript(Exception):
    """All that was to happen has happened, and the process lives."""


class Clock:
    now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(batch_app, "time", made)
    return made


@pytest.fixture
def app(clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> BatchApp[Any]:
    def leave(code: int) -> NoReturn:
        assert code == 1
        raise Exited

    monkeypatch.setattr(batch_app, "os", SimpleNamespace(_exit=leave))
    client = {"bootstrap_servers": "127.0.0.1:1"}
    return BatchApp(EngineConfig("test", client, tmp_path, session_timeout_s=SESSION_S))


async def beat(app: BatchApp[Any], clock: Clock, pauses_s: Sequence[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it beat; between the beats pass these times."""
    left = list(pauses_s)

    async def sleep(_: float) -> None:
        if not left:
            raise EndOfScript
        clock.now_s += left.pop(0)

    monkeypatch.setattr(app, "sleep", sleep)
    await app._beat(app)


async def test_a_start_that_took_longer_than_a_session_is_no_sleep(
    app: BatchApp[Any], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the app is made, and modules, tables and the broker take their time before its tasks run
    clock.now_s += 6 * SESSION_S

    with pytest.raises(EndOfScript):
        await beat(app, clock, [0.25, SESSION_S - 0.1, SESSION_S - 0.1], monkeypatch)


@pytest.mark.parametrize("started_s", [0.0, 6 * SESSION_S])
async def test_a_sleep_past_the_session_ends_the_process_however_long_its_start_took(
    app: BatchApp[Any], clock: Clock, started_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.now_s += started_s

    with pytest.raises(Exited):
        await beat(app, clock, [0.25, 0.25, SESSION_S + 0.1], monkeypatch)


async def test_a_commit_right_after_such_a_sleep_writes_nothing_more(
    app: BatchApp[Any], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = []

    async def commit() -> dict[Any, int]:
        commits.append(clock.now_s)
        return {}

    monkeypatch.setattr(app, "ownership", SimpleNamespace(commit=commit), raising=False)
    with pytest.raises(EndOfScript):
        await beat(app, clock, [], monkeypatch)
    await app.commit_partitions()
    clock.now_s += SESSION_S + 0.1

    # the commit comes before the next beat
    with pytest.raises(Exited):
        await app.commit_partitions()
    assert commits == [1000.0]
