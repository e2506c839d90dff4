from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator

import pytest
from asyncua import Client, ua

from adapters.simulator.live import LivePlant
from adapters.simulator.opcua_server import BOILER, URI, VARIABLES, BoilerServer
from adapters.simulator.physics import Plant


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("asyncua")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(level)


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
async def clock() -> Clock:
    return Clock()


@pytest.fixture
async def client(clock: Clock) -> AsyncIterator[Client]:
    server = BoilerServer(
        LivePlant(Plant(seed=1), monotonic_s=clock, wall_us=lambda: 1_736_510_463_000_000), update_s=0.01
    )
    async with server, Client(server.endpoint) as client:
        yield client


async def read(client: Client, name: str) -> tuple[ua.DataValue, ua.Variant]:
    index = await client.get_namespace_index(URI)
    node = client.get_node(ua.NodeId(ua.String(f"{BOILER}.{name}"), ua.Int16(index)))
    value: ua.DataValue = await node.read_data_value(raise_on_bad_status=False)
    return value, value.Value or ua.Variant()


async def until_changed(client: Client, name: str, before: object) -> ua.DataValue:
    async with asyncio.timeout(20):
        value, variant = await read(client, name)
        while variant.Value == before:
            # the server tells nobody but those who ask
            await asyncio.sleep(0.01)
            value, variant = await read(client, name)
    return value


async def test_every_variable_has_its_type_unit_and_time_and_moves_with_the_plant(client: Client, clock: Clock) -> None:
    started = {variable.name: await read(client, variable.name) for variable in VARIABLES}
    assert {name: variant.VariantType for name, (_, variant) in started.items()} == {v.name: v.type for v in VARIABLES}
    assert started["State"][1].Value == "firing"
    time = started["DrumLevel"][0].SourceTimestamp
    assert time is not None
    assert time.isoformat() == "2025-01-10T12:01:03+00:00"

    clock.now_s += 34
    assert (await until_changed(client, "State", "firing")).Value == ua.Variant("low water", ua.VariantType.String)

    index = await client.get_namespace_index(URI)
    (folder,) = [
        node for node in await client.nodes.objects.get_children() if (await node.read_browse_name()).Name == BOILER
    ]
    level = await folder.get_child(f"{index}:DrumLevel")
    unit = await (await level.get_child("0:EngineeringUnits")).read_value()
    assert unit.DisplayName.Text == "%"


async def test_a_dead_sensor_is_bad_without_a_value(client: Client, clock: Clock) -> None:
    _, alive = await read(client, "FlueGasTemperature")
    clock.now_s += 21
    dead = await until_changed(client, "FlueGasTemperature", alive.Value)

    assert dead.Value is None or dead.Value.Value is None
    assert dead.StatusCode is not None
    assert dead.StatusCode.value == ua.StatusCodes.BadSensorFailure


async def test_a_port_that_is_taken_is_an_error(client: Client) -> None:
    port = client.server_url.port
    with pytest.raises(OSError, match="in use"):
        async with BoilerServer(LivePlant(Plant()), port=port or 0):
            pass
