from __future__ import annotations

import inspect

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from adapters.mqtt.paho import PRIVATE_HOOKS, HoldingClient


def test_the_private_parts_of_paho_that_are_used_are_where_they_were() -> None:
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    assert set(PRIVATE_HOOKS) == {
        "_handle_publish",
        "_in_messages",
        "_packet_queue",
        "_send_puback",
        "_send_pubrec",
        "_sock_recv",
    }
    assert all(hasattr(client, name) for name in PRIVATE_HOOKS)
    assert list(inspect.signature(client._send_puback).parameters) == ["mid"]
    assert list(inspect.signature(client._send_pubrec).parameters) == ["mid"]
    assert list(inspect.signature(client._sock_recv).parameters) == ["bufsize"]
    assert list(inspect.signature(client._packet_queue).parameters)[:4] == ["command", "packet", "mid", "qos"]
    assert "self._sock_recv(1)" in inspect.getsource(mqtt.Client._packet_read)
    publish = inspect.getsource(mqtt.Client._handle_publish)
    # the message is kept before or after the answer, but within the same call
    assert "self._send_puback(message.mid)" in publish
    assert "self._send_pubrec(message.mid)" in publish
    assert "self._in_messages[message.mid] = message" in publish


def test_a_message_is_shown_when_it_comes_and_confirmed_when_we_say_so() -> None:
    shown: list[bytes] = []
    released: list[int] = []
    client = HoldingClient(
        "c", MQTTProtocolVersion.MQTTv311, "tcp", True, lambda m: shown.append(bytes(m.payload)), released.append
    )
    sent: list[bytes] = []
    client.on_socket_register_write = lambda *_: None
    client._packet_queue = lambda command, packet, *_: sent.append(bytes(packet)) or 0  # type: ignore[assignment,func-returns-value]  # stands in for the network

    def packet(command: int, body: bytes) -> None:
        client._in_packet |= {"command": command, "packet": bytearray(body), "remaining_length": len(body)}

    packet(0x32, b"\0\1t\0\7one")
    client._handle_publish()
    packet(0x34, b"\0\1t\0\x08two")
    client._handle_publish()
    assert shown == [b"one", b"two"]
    assert sent == []
    client.confirm([(7, 1), (8, 2)])
    assert sorted((one[0] >> 4, one[-1]) for one in sent) == [(4, 7), (5, 8)]
    packet(0x62, b"\0\x08")
    client._handle_pubrel()
    assert released == [8]
    assert sent[-1][0] >> 4 == 7
    assert shown == [b"one", b"two"]


class Network:
    """A socket that has these bytes, counts how often it is read, and then is silent or closed."""

    def __init__(self, *parts: bytes) -> None:
        self.parts = list(parts)
        self.reads = 0

    def recv(self, count: int) -> bytes:
        self.reads += 1
        if not self.parts:
            raise BlockingIOError
        part = self.parts.pop(0)
        if len(part) > count:
            self.parts.insert(0, part[count:])
        return part[:count]

    def close(self) -> None: ...


@pytest.mark.parametrize("transport", ["tcp", "websockets"])
def test_messages_are_read_whole_wherever_the_network_cuts_them(transport: str) -> None:
    shown: list[bytes] = []
    client = HoldingClient(
        "c", MQTTProtocolVersion.MQTTv311, transport, True, lambda m: shown.append(bytes(m.payload)), lambda _: None
    )
    bodies = [b"x" * number for number in (0, 1, 100, 200, 70_000)]
    stream = b""
    for body in bodies:
        left = 5 + len(body)
        length = bytearray()
        while not length or left:
            length.append(left % 128 | (128 if left > 127 else 0))
            left //= 128
        stream += b"\x32" + length + b"\0\1t\0\7" + body
    network = Network(*(stream[at : at + 150] for at in range(0, 450, 150)), stream[450:])
    client._sock = network  # type: ignore[assignment]  # stands in for the network
    for _ in range(len(stream)):
        client.loop_read()
        if not client.has_received and not network.parts:
            break
    assert shown == bodies
    assert (network.reads < 12) == (transport == "tcp")


def test_what_came_before_the_end_of_the_connection_is_read() -> None:
    shown: list[bytes] = []
    client = HoldingClient(
        "c", MQTTProtocolVersion.MQTTv311, "tcp", True, lambda m: shown.append(bytes(m.payload)), lambda _: None
    )
    client._sock = Network(b"\x30\x04\0\1ta\x30\x04\0\1tb", b"")  # type: ignore[assignment]  # stands in for the network
    waiting = []
    for _ in range(2):
        client.loop_read()
        waiting.append(client.has_received)
    assert waiting == [True, False]
    assert shown == [b"a", b"b"]


def test_many_messages_are_confirmed_at_once() -> None:
    client = HoldingClient("c", MQTTProtocolVersion.MQTTv5, "tcp", None, lambda _: None, lambda _: None)
    sent: list[bytes] = []
    client._packet_queue = lambda command, packet, *_: sent.append(bytes(packet)) or 0  # type: ignore[assignment,func-returns-value]  # stands in for the network
    client.confirm([(1, 1), (0x1234, 1)])
    client.confirm([])
    assert sent == [b"\x40\x02\0\1\x40\x02\x12\x34"]
