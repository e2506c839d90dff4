"""`python -m adapters.simulator`: the simulated plant as a process, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from contextlib import AsyncExitStack
from typing import Annotated

import typer

from adapters.simulator.live import LivePlant
from adapters.simulator.mqtt_broker import PressBroker
from adapters.simulator.opcua_server import BoilerServer
from adapters.simulator.physics import Plant
from adapters.simulator.ports import MODBUS_PORT, MQTT_PORT, OPCUA_PORT, said
from adapters.simulator.registers import ASSETS
from adapters.simulator.server import PlantServer

_TALKATIVE = ("pymodbus.logging", "asyncua", "amqtt", "transitions", "mqtt")
"""Loggers that tell of each connection, or, as pymodbus, of each exception that this plant answers on purpose."""


async def _serve(host: str, ports: tuple[int, int, int], seed: int, time_scale: float) -> None:
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    plant = LivePlant(Plant(seed), time_scale=time_scale)
    async with AsyncExitStack() as stack:
        modbus = await stack.enter_async_context(PlantServer(plant, host=host, port=ports[0]))
        opcua = await stack.enter_async_context(BoilerServer(plant, host=host, port=ports[1]))
        mqtt = await stack.enter_async_context(PressBroker(plant, host=host, port=ports[2]))
        units = ", ".join(f"{unit} {asset}" for unit, asset in ASSETS.items())
        # a parent process waits for these lines, to know that the plant listens and where: all at once, or none
        sys.stdout.write(
            said("modbus-tcp", modbus.host, modbus.port, f"units: {units}")
            + said("opcua", opcua.host, opcua.port, "boiler-1")
            + said("mqtt", mqtt.host, mqtt.port, "press-1")
        )
        sys.stdout.flush()
        await stop.wait()


def main(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="TCP port of Modbus; 0 takes a free one and prints it.")] = MODBUS_PORT,
    opcua_port: Annotated[int, typer.Option(help="TCP port of OPC UA; 0: as above.")] = OPCUA_PORT,
    mqtt_port: Annotated[int, typer.Option(help="TCP port of MQTT; 0: as above.")] = MQTT_PORT,
    seed: Annotated[int, typer.Option(help="Decides all noise: the same seed gives the same run.")] = 1,
    time_scale: Annotated[float, typer.Option(help="Plant seconds per second.", min=0.01, max=1000)] = 1.0,
) -> None:
    """Serve the simulated plant: pumps, a tank, a compressor by Modbus TCP, a boiler by OPC UA, a press by MQTT."""
    try:
        asyncio.run(_serve(host, (port, opcua_port, mqtt_port), seed, time_scale))
    except (OSError, RuntimeError) as error:
        sys.stderr.write(
            f"{host}: one of the ports {port}, {opcua_port}, {mqtt_port} cannot be had: {error}\n"
            "  choose others with --port, --opcua-port and --mqtt-port, or 0 for free ones\n"
        )
        raise SystemExit(1) from error


if __name__ == "__main__":
    typer.run(main)
