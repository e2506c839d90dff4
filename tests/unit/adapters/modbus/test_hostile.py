"""A "device" that answers anything: only typed errors come of it, in bounded time, and never a wrong value."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus.framer.rtu import FramerRTU

from adapters.modbus.config import ModbusTcpConfig, RegisterKind
from adapters.modbus.plan import ReadRequest
from adapters.modbus.tcp import tcp_client
from ironstream.gateway.adapter import AdapterError

REQUEST = ReadRequest(1, RegisterKind.HOLDING, 0, 2, ())
TRUTH = b"\x12\x34\x56\x78"
PDU = b"\3\4" + TRUTH
CLOSE = None


def rtu_answer(pdu: bytes) -> bytes:
    body = b"\1" + pdu
    return body + FramerRTU.compute_CRC(body).to_bytes(2, "big")


def tcp_answer(pdu: bytes) -> bytes:
    # transaction ids count from 1 on each connection
    return b"\0\1\0\0" + struct.pack(">HB", len(pdu) + 1, 1) + pdu


@st.composite
def mutated(draw: st.DrawFn, whole: bytes) -> bytes:
    """`whole` with bytes changed, taken out or put in."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        match draw(st.sampled_from(["change", "cut", "insert", "double"])):
            case "change" if at < len(data):
                data[at] = draw(st.integers(0, 255))
            case "cut":
                del data[at : at + draw(st.integers(1, 3))]
            case "insert":
                data[at:at] = draw(st.binary(max_size=5))
            case "double":
                data += data[at:]
    return bytes(data)


async def ask(framer: str, replies: list[bytes | None], timeout_s: float = 0.02) -> list[bytes | AdapterError]:
    """What a client makes of each reply in turn; nothing may reach the event loop's handler of lost exceptions."""
    lost: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: lost.append(context))
    pending: Iterator[bytes | None] = iter(replies)
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        while await reader.read(64):
            reply = next(pending, CLOSE)
            if reply is CLOSE:
                break
            writer.write(reply)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    client = tcp_client(
        ModbusTcpConfig.model_validate(
            {
                "host": "127.0.0.1",
                "port": server.sockets[0].getsockname()[1],
                "framer": framer,
                "timeout_s": timeout_s,
                "late_answer_s": 0,
                "tags": [{"name": "a", "address": 0}],
            }
        )
    )
    outcomes: list[bytes | AdapterError] = []
    async with asyncio.timeout(30):
        for _ in replies:
            try:
                await client.connect()
                outcomes.append(await client.read(REQUEST))
            except AdapterError as error:
                outcomes.append(error)
    await client.close()
    for writer in writers:
        writer.close()
    server.close()
    assert not lost
    return outcomes


@settings(deadline=None, max_examples=40)
@given(replies=st.lists(st.none() | st.binary(max_size=300) | mutated(rtu_answer(PDU)), min_size=1, max_size=4))
def test_rtu_frames_that_are_broken_give_the_truth_or_a_typed_error(replies: list[bytes | None]) -> None:
    for outcome in asyncio.run(ask("rtu", replies)):
        assert outcome == TRUTH or (isinstance(outcome, AdapterError) and outcome.hint)


@settings(deadline=None, max_examples=40)
@given(replies=st.lists(st.none() | st.binary(max_size=300) | mutated(tcp_answer(PDU)), min_size=1, max_size=4))
def test_tcp_frames_that_are_broken_give_as_much_as_was_asked_for_or_a_typed_error(
    replies: list[bytes | None],
) -> None:
    for outcome in asyncio.run(ask("socket", replies)):
        if isinstance(outcome, AdapterError):
            assert outcome.hint
        else:
            assert len(outcome) == len(TRUTH)


@pytest.mark.parametrize(("framer", "reply"), [("rtu", rtu_answer(PDU)), ("socket", tcp_answer(PDU))])
def test_the_truth_is_read_where_nothing_is_broken(framer: str, reply: bytes) -> None:
    assert asyncio.run(ask(framer, [reply] * 3, timeout_s=10)) == [TRUTH] * 3
