"""`ironstream sink replay`: everything is written again, and nothing is there twice."""

from __future__ import annotations

import asyncio
import json
import os
import time
from tempfile import TemporaryFile
from typing import Any, Final

from tests.support.faults.sinks.plant import SinkPlant
from tests.support.sinks import forks

_FREE_S: Final = 20.0
_ANSWER_BYTES: Final = 1 << 20


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
    command = ["sink", "replay", sink_id, "--from-beginning", "--output=json"]
    deadline = time.monotonic() + _FREE_S
    while True:
        with TemporaryFile() as out, TemporaryFile() as err:
            code = forks.parent().command(command, on.rig.env(), out, err).wait()
            said, told = (os.pread(file.fileno(), _ANSWER_BYTES, 0).decode() for file in (out, err))
        if code == 0:
            return json.loads(said)
        # one that was killed is a member for a while
        assert "is running" in told, told
        assert time.monotonic() < deadline, told
        time.sleep(0.3)
