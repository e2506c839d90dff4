"""The OPC UA server of the simulated boiler."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any, Final

from asyncua import Server, ua
from asyncua.common.node import Node

from adapters.simulator.boiler import Boiler
from adapters.simulator.live import LivePlant
from adapters.simulator.opcua_alarm import CONDITION, LowWaterAlarm

URI: Final = "urn:ironstream:simulator"
"""Namespace of the boiler's nodes."""
BOILER: Final = "Boiler1"
_EPOCH: Final = ua.DateTime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable of the boiler: `s=Boiler1.NAME` in namespace URI. `value` None: its sensor is dead."""

    name: str
    type: ua.VariantType
    value: Callable[[Boiler], Any]
    unit: str = ""
    description: str = ""


VARIABLES: Final = (
    Variable("DrumPressure", ua.VariantType.Double, lambda b: b.measured_pressure, "bar", "Steam drum, gauge"),
    Variable("DrumLevel", ua.VariantType.Float, lambda b: b.level, "%", "Water in the steam drum"),
    Variable("SteamTemperature", ua.VariantType.Float, lambda b: b.steam_temperature, "°C", "Saturated steam"),
    Variable("FlueGasTemperature", ua.VariantType.Float, lambda b: b.flue_gas if b.flue_gas_answers else None, "°C"),
    Variable("FuelFlow", ua.VariantType.Double, lambda b: b.fuel_flow, "m³/h", "Natural gas"),
    Variable("FuelTotal", ua.VariantType.UInt32, lambda b: int(b.fuel_m3), "m³", "Natural gas since the start"),
    Variable("BurnerOn", ua.VariantType.Boolean, lambda b: b.firing),
    Variable("State", ua.VariantType.String, lambda b: b.state, "", "What the control says of the boiler"),
)


class BoilerServer:
    """Serves the boiler while it is entered; its values change every `update_s`, each with the time of the change.

    Without security and for anybody, so for loopback only. `port` 0 takes a free one; `port` is then the real one.
    Raises OSError when the address cannot be had.
    """

    def __init__(
        self,
        plant: LivePlant,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        update_s: float = 0.25,
    ) -> None:
        self.host = host
        self.port = port
        self._plant = plant
        self._update_s = update_s
        self._server: Server | None = None
        self._nodes: dict[str, Node] = {}
        self._alarm: LowWaterAlarm | None = None
        self._updates: asyncio.Task[None] | None = None

    @property
    def endpoint(self) -> str:
        """URL of the server."""
        return f"opc.tcp://{self.host}:{self.port}"

    async def __aenter__(self) -> BoilerServer:
        server = Server()
        # so that a client which comes later can ask for the alarms that stand; 1 is the severity of saying so
        server.iserver.bind_condition_methods = 1
        await server.init()
        server.set_server_name("ironstream simulated boiler")
        server.set_endpoint(self.endpoint)
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        index = await server.register_namespace(URI)
        boiler = await server.nodes.objects.add_object(_id(BOILER, index), _name(BOILER, index))
        for variable in VARIABLES:
            self._nodes[variable.name] = await _add(boiler, index, variable)
        self._alarm = LowWaterAlarm(server, _id(f"{BOILER}.{CONDITION}", index))
        await self._alarm.prepare()
        await self._write_all()
        await server.start()
        self._server = server
        assert server.bserver is not None, "a server that has started listens"
        self.port = server.bserver.port
        self._updates = asyncio.create_task(self._update())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._updates is not None:
            self._updates.cancel()
            with suppress(asyncio.CancelledError):
                await self._updates
        if self._server is not None:
            await self._server.stop()

    async def _update(self) -> None:
        while True:
            await asyncio.sleep(self._update_s)
            await self._write_all()

    async def _write_all(self) -> None:
        boiler = self._plant.moved().boiler
        now = _EPOCH + timedelta(microseconds=self._plant.wall_us())
        for variable in VARIABLES:
            value = variable.value(boiler)
            status = ua.StatusCodes.Good if value is not None else ua.StatusCodes.BadSensorFailure
            variant = ua.Variant(value, variable.type) if value is not None else ua.Variant()
            await self._nodes[variable.name].write_value(
                ua.DataValue(variant, ua.StatusCode(ua.UInt32(status)), SourceTimestamp=now, ServerTimestamp=now)
            )
        if self._alarm is not None:
            await self._alarm.follow(boiler, now)


async def _add(boiler: Node, index: int, variable: Variable) -> Node:
    name = f"{BOILER}.{variable.name}"
    start = ua.Variant(ua.get_default_value(variable.type), variable.type)
    node = await boiler.add_variable(_id(name, index), _name(variable.name, index), start)
    if variable.description:
        text = ua.Variant(ua.LocalizedText(variable.description), ua.VariantType.LocalizedText)
        await node.write_attribute(ua.AttributeIds.Description, ua.DataValue(text))
    if variable.unit:
        unit = ua.EUInformation(NamespaceUri=URI, DisplayName=ua.LocalizedText(variable.unit))
        await node.add_property(_id(f"{name}.Unit", index), _name("EngineeringUnits", 0), unit)
    return node


def _id(name: str, index: int) -> ua.NodeId:
    return ua.NodeId(ua.String(name), ua.Int16(index))


def _name(name: str, index: int) -> ua.QualifiedName:
    return ua.QualifiedName(ua.String(name), ua.UInt16(index))
