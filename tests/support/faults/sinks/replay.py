"""`ironstream sink replay`: everything is written again, and nothing is there twice."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from typing import Any, Final

from tests.support.faults.sinks.plant import SinkPlant

_FREE_S: Final = 20.0


async def replay(on: SinkPlant) -> None:
    """Every stopped sink goes back to the beginning, and writes all of the log again."""
    answers = await asyncio.gather(*(asyncio.to_thread(_replay, on, sink_id) for sink_id in on.stores))
    for sink_id, answer in zip(on.stores, answers, strict=True):
        behind = await on.lag(sink_id)
        assert behind == answer["records_again"] > 0, f"{sink_id}: {behind} behind after {answer}"
    on.faults["replay from the beginning"] += 1
    on.start_all()
    await on.drained()
    await on.stop_all()


def _replay(on: SinkPlant, sink_id: str) -> Any:
    command = [sys.executable, "-m", "ironstream.cli", "sink", "replay", sink_id, "--from-beginning", "--output=json"]
    deadline = time.monotonic() + _FREE_S
    while True:
        done = subprocess.run(command, env=on.rig.env(), capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return json.loads(done.stdout)
        # one that was killed is a member for a while
        assert "is running" in done.stderr, done.stderr
        assert time.monotonic() < deadline, done.stderr
        time.sleep(0.3)
