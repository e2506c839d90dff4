from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

from ironstream.engine import batch_app
from ironstream.engine.config import EngineConfig
from ironstream.engine.sink_app import SinkApp


async def test_a_process_outlives_an_app_that_has_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ends a process that does not stop in time must not end one that has stopped, and goes on with another."""
    given_up: list[int] = []
    monkeypatch.setattr(batch_app, "_STOP_DEADLINE_S", 0.2)
    monkeypatch.setattr(batch_app, "os", SimpleNamespace(_exit=given_up.append))
    drained: list[bool] = []

    async def drain() -> None:
        drained.append(True)

    # Faust's would make the loop of a thread that is never started
    monkeypatch.setattr(SinkApp, "consumer", SimpleNamespace(commit=drain))

    app = SinkApp(EngineConfig("test", {"bootstrap_servers": "127.0.0.1:1"}, tmp_path), drain)
    await app.stop()
    await app.stop()
    await asyncio.sleep(0.3)
    assert (drained, given_up) == ([True, True], [])
