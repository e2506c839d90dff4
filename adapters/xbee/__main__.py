"""`python -m adapters.xbee --link /tmp/xbee`: a simulated radio as a process, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import math
import signal
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from adapters.xbee.simulator import SimulatedNode, SimulatedXBee


async def _serve(link: Path | None, api_mode: int, interval_s: float) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    well = SimulatedNode("0013A20041B2C3D4", "WELL-12", signal=-52)
    tank = SimulatedNode("0013A20041B2C3D5", "TANK-3", signal=-71, address16="5678")
    async with SimulatedXBee([well, tank], api_mode, link) as radio:
        # a parent process waits for this line, to know that the radio is there and where
        sys.stdout.write(f"radio on {radio.port} (nodes: {well.node_id}, {tank.node_id})\n")
        sys.stdout.flush()
        while not stop.is_set():
            _send(radio, time.time())
            with suppress(TimeoutError):
                async with asyncio.timeout(interval_s):
                    await stop.wait()


def _send(radio: SimulatedXBee, now_s: float) -> None:
    """What a well and a tank say at a moment: pressure and temperature; a level switch, the level, the battery."""
    wave = math.sin(now_s / 20)
    radio.data("WELL-12", struct.pack(">ffI", 185.4 + 12 * wave, 312.0 + 20 * wave, int(now_s)))
    radio.lines("TANK-3", {0: wave > 0.8}, {1: round(512 + 400 * wave), 7: 2900})


def main(
    link: Annotated[Path | None, typer.Option(help="Symbolic link to the port, so that its name is known.")] = None,
    api_mode: Annotated[int, typer.Option(help="API mode of the radio.", min=1, max=2)] = 2,
    interval: Annotated[float, typer.Option(help="Seconds between two messages of a remote radio.", min=0.01)] = 1.0,
) -> None:
    """Simulate a radio with two remote radios on a pseudo-terminal."""
    asyncio.run(_serve(link, api_mode, interval))


if __name__ == "__main__":
    typer.run(main)
