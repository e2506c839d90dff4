from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from digi.xbee.models.address import XBee16BitAddress, XBee64BitAddress
from digi.xbee.models.mode import OperatingMode
from digi.xbee.packets.common import ReceivePacket
from digi.xbee.packets.factory import build_frame
from hypothesis import assume, given
from hypothesis import strategies as st

from adapters.xbee.frames import MAX_DATA, FrameReader, encode

START = 0x7E
payloads = st.binary(max_size=80)
# bytes that escapes are about come up as often as all others together
tricky = st.lists(st.sampled_from([0x7E, 0x7D, 0x11, 0x13, 0x00, 0x20]), max_size=40).map(bytes)
noise = st.one_of(st.binary(max_size=60), tricky)


def packet(payload: bytes) -> ReceivePacket:
    address = XBee64BitAddress.from_hex_string("0013A20041B27E7D")
    return ReceivePacket(address, XBee16BitAddress.from_hex_string("1113"), 1, bytearray(payload))


def in_pieces(reader: FrameReader, stream: bytes, cuts: list[int]) -> list[bytes]:
    frames: list[bytes] = []
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    for begin, end in pairwise(edges):
        frames += reader.feed(stream[begin:end])
    return frames


def assume_no_frame_by_chance(frames: list[bytes], payload: bytes) -> None:
    """One window of noise in 256 has the right checksum, and nobody can tell it from a frame."""
    assume(all(frame == encode(packet(payload), escaped=False) for frame in frames))


def payloads_of(frames: list[bytes]) -> list[bytes]:
    built: list[Any] = [build_frame(bytearray(frame), OperatingMode.API_MODE) for frame in frames]
    return [bytes(one.rf_data or b"") for one in built if isinstance(one, ReceivePacket)]


@pytest.mark.parametrize("escaped", [False, True])
@given(sent=st.lists(st.one_of(payloads, tricky), max_size=6), cuts=st.lists(st.integers(0, 1000), max_size=8))
def test_frames_are_read_whole_in_whatever_pieces_they_come(escaped: bool, sent: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(encode(packet(payload), escaped=escaped) for payload in sent)
    reader = FrameReader(escaped=escaped)
    assert payloads_of(in_pieces(reader, stream, cuts)) == sent
    assert (reader.damaged, reader.waiting) == (0, False)


@given(
    sent=st.lists(st.tuples(noise, st.one_of(payloads, tricky)), max_size=6),
    cuts=st.lists(st.integers(0, 1000), max_size=8),
)
def test_with_escapes_every_good_frame_is_read_whatever_noise_is_before_it(
    sent: list[tuple[bytes, bytes]], cuts: list[int]
) -> None:
    stream = b"".join(before + encode(packet(payload), escaped=True) for before, payload in sent)
    read = payloads_of(in_pieces(FrameReader(escaped=True), stream, cuts))
    # noise may happen to be a frame too, but none of ours is missing, and they are in order
    remaining = iter(read)
    assert all(payload in remaining for _, payload in sent)


@given(
    sent=st.lists(st.tuples(st.binary(max_size=40), payloads), max_size=6),
    cuts=st.lists(st.integers(0, 1000), max_size=8),
)
def test_without_escapes_noise_that_does_not_look_like_a_beginning_costs_no_frame(
    sent: list[tuple[bytes, bytes]], cuts: list[int]
) -> None:
    stream = b"".join(before.replace(b"\x7e", b"") + encode(packet(payload), escaped=False) for before, payload in sent)
    assert payloads_of(in_pieces(FrameReader(escaped=False), stream, cuts)) == [payload for _, payload in sent]


@pytest.mark.parametrize("escaped", [False, True])
@given(kept=st.integers(0, 30), payload=st.binary(min_size=20, max_size=40))
def test_a_truncated_frame_does_not_take_the_next_one_with_it(escaped: bool, kept: int, payload: bytes) -> None:
    good = encode(packet(payload), escaped=escaped)
    reader = FrameReader(escaped=escaped)
    frames = reader.feed(good[: min(kept, len(good) - 1)] + good) + reader.expire()
    assume_no_frame_by_chance(frames, payload)
    assert payloads_of(frames) == [payload]
    assert not reader.waiting


@pytest.mark.parametrize("escaped", [False, True])
@given(data=st.data(), payload=st.binary(min_size=1, max_size=40))
def test_a_damaged_frame_is_counted_and_the_next_one_is_read(
    escaped: bool, data: st.DataObject, payload: bytes
) -> None:
    good = encode(packet(payload), escaped=False)
    at = data.draw(st.integers(3, len(good) - 1))
    damaged = bytearray(good)
    damaged[at] ^= data.draw(st.sampled_from([0x01, 0x40, 0x80]))
    stream = bytes(damaged[:1]) + bytes(ReceivePacket._escape_data(damaged[1:])) if escaped else bytes(damaged)
    reader = FrameReader(escaped=escaped)
    frames = reader.feed(stream + encode(packet(b"after"), escaped=escaped)) + reader.expire()
    assume_no_frame_by_chance(frames, b"after")
    assert payloads_of(frames) == [b"after"]
    assert reader.damaged >= 1


@pytest.mark.parametrize("escaped", [False, True])
@given(stream=st.one_of(st.binary(max_size=400), tricky), cuts=st.lists(st.integers(0, 1000), max_size=8))
def test_whatever_comes_is_no_error_and_leaves_nothing_behind(escaped: bool, stream: bytes, cuts: list[int]) -> None:
    reader = FrameReader(escaped=escaped)
    for frame in [*in_pieces(reader, stream, cuts), *reader.expire()]:
        assert frame[0] == START
        assert sum(frame[3:]) & 0xFF == 0xFF
    assert not reader.waiting


def test_noise_that_announces_a_long_frame_hides_what_follows_only_until_the_line_is_silent() -> None:
    reader = FrameReader(escaped=False)
    good = encode(packet(b"hidden"), escaped=False)
    assert reader.feed(b"\x7e\x02\x00" + good + good) == []
    assert reader.waiting
    assert payloads_of(reader.expire()) == [b"hidden", b"hidden"]


def test_a_length_that_no_radio_sends_is_not_waited_for() -> None:
    reader = FrameReader(escaped=False)
    too_long = bytes([START]) + (MAX_DATA + 1).to_bytes(2, "big")
    assert payloads_of(reader.feed(too_long + b"\x7e\x00\x00" + encode(packet(b"x"), escaped=False))) == [b"x"]


def test_a_frame_within_the_payload_of_another_is_payload() -> None:
    inner = encode(packet(b"forged"), escaped=False)
    reader = FrameReader(escaped=False)
    assert payloads_of(reader.feed(encode(packet(inner), escaped=False))) == [inner]
