"""The libraries alone, reading what an adapter reads and doing nothing with it: what an adapter is measured beside.

`python -m ironstream.bench.bare_client ORDER` (JSON of `Order`) reads for some seconds and prints a `Reads` as JSON.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from math import ceil, floor
from typing import Any, Final, Literal

import msgspec
from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.node import Node
from pymodbus.client import AsyncModbusTcpClient

from ironstream.bench.devices import OPCUA_NAMESPACE

BLOCK: Final = 125
"""Registers of one Modbus read."""
_ITEMS_PER_CALL: Final = 1000


class Order(msgspec.Struct, frozen=True):
    """What to read: `devices` connections to `port`, `tags` values on each, every second."""

    protocol: Literal["modbus", "opcua"]
    port: int
    devices: int
    tags: int
    seconds: float


class Reads(msgspec.Struct, frozen=True):
    """What came of it. `cycles_s`: how long each poll took; empty where nothing is polled."""

    values: int
    seconds: float
    cpu_s: float
    cycles_s: list[float]


async def read_modbus(order: Order) -> Reads:
    """Each device on a grid of a second, in blocks of 125 registers."""
    loop = asyncio.get_running_loop()
    cycles_s: list[float] = []
    clients = [AsyncModbusTcpClient("127.0.0.1", port=order.port, timeout=10) for _ in range(order.devices)]
    for client in clients:
        await client.connect()
    start_s, cpu_s = loop.time(), time.process_time()
    end_s = start_s + order.seconds
    values = 0

    async def read(client: AsyncModbusTcpClient) -> None:
        nonlocal values
        due_s = start_s
        while due_s < end_s:
            began_s = loop.time()
            for block in range(ceil(order.tags / BLOCK)):
                count = min(BLOCK, order.tags - block * BLOCK)
                answer = await client.read_holding_registers(block * BLOCK, count=count, device_id=1)
                values += len(answer.registers)
            cycles_s.append(loop.time() - began_s)
            due_s = start_s + floor(loop.time() - start_s) + 1.0
            await asyncio.sleep(due_s - loop.time())

    await asyncio.gather(*map(read, clients))
    seconds, cpu_s = loop.time() - start_s, time.process_time() - cpu_s
    for client in clients:
        client.close()
    return Reads(values, seconds, cpu_s, cycles_s)


class _Counter:
    """Subscription handler that counts."""

    def __init__(self) -> None:
        self.values = 0

    def datachange_notification(self, _node: Node, _value: Any, _data: Any) -> None:
        self.values += 1


async def read_opcua(order: Order) -> Reads:
    """One subscription on all items."""
    async with Client(f"opc.tcp://127.0.0.1:{order.port}/", timeout=30) as client:
        index = await client.get_namespace_index(OPCUA_NAMESPACE)
        nodes = [client.get_node(ua.NodeId(ua.Int32(item), ua.Int16(index))) for item in range(1, order.tags + 1)]
        counter = _Counter()
        subscription = await client.create_subscription(500, counter)
        for first in range(0, len(nodes), _ITEMS_PER_CALL):
            await subscription.subscribe_data_change(nodes[first : first + _ITEMS_PER_CALL])
        loop = asyncio.get_running_loop()
        start_s, cpu_s, before = loop.time(), time.process_time(), counter.values
        await asyncio.sleep(order.seconds)
        return Reads(counter.values - before, loop.time() - start_s, time.process_time() - cpu_s, [])


def main(text: str) -> None:
    """Read and print."""
    for name in ("asyncua", "pymodbus.logging"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    order = msgspec.json.decode(text, type=Order)
    reads = asyncio.run(read_modbus(order) if order.protocol == "modbus" else read_opcua(order))
    print(msgspec.json.encode(reads).decode(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
