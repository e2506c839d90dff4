"""`python -m adapters.simulator --port 5020`: the simulated plant as a process, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from typing import Annotated

import typer

from adapters.simulator.physics import Plant
from adapters.simulator.registers import ASSETS
from adapters.simulator.server import PlantServer


async def _serve(host: str, port: int, seed: int, time_scale: float) -> None:
    # pymodbus prints the last frames whenever it answers with an exception, which this plant does on purpose
    logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with PlantServer(Plant(seed), host=host, port=port, time_scale=time_scale) as server:
        units = ", ".join(f"{unit} {asset}" for unit, asset in ASSETS.items())
        # a parent process waits for this line, to know that the plant listens and where
        sys.stdout.write(f"listening on {server.host}:{server.port} (units: {units})\n")
        sys.stdout.flush()
        await stop.wait()


def main(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="TCP port; 0 takes a free one and prints it.")] = 5020,
    seed: Annotated[int, typer.Option(help="Decides all noise: the same seed gives the same run.")] = 1,
    time_scale: Annotated[float, typer.Option(help="Plant seconds per second.", min=0.01, max=1000)] = 1.0,
) -> None:
    """Serve the simulated plant over Modbus TCP."""
    try:
        asyncio.run(_serve(host, port, seed, time_scale))
    except RuntimeError as error:
        sys.stderr.write(f"{host}:{port} cannot be had: {error}\n  choose another --port, or 0 for a free one\n")
        raise SystemExit(1) from error


if __name__ == "__main__":
    typer.run(main)
