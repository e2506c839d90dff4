from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer.rtu import FramerRTU
from pymodbus.pdu import DecodePDU

from adapters.modbus.framers import IDENTIFICATION, Expected, RtuFramer, SocketFramer, find_answer

EXPECTED = Expected(7, 3, 4)
PDU = bytes([3, 4, 0x12, 0x34, 0x56, 0x78])


def frame(body: bytes) -> bytes:
    return body + FramerRTU.compute_CRC(body).to_bytes(2, "big")


ANSWER = frame(bytes([7]) + PDU)
expectations = st.builds(
    Expected,
    unit_id=st.integers(1, 255),
    function=st.sampled_from([1, 2, 3, 4, IDENTIFICATION]),
    byte_count=st.none() | st.integers(1, 250),
)


@given(data=st.binary(max_size=300), expected=expectations)
def test_whatever_comes_gives_an_answer_with_a_sound_checksum_or_none(data: bytes, expected: Expected) -> None:
    pdu = find_answer(data, expected)
    if pdu is not None:
        assert frame(bytes([expected.unit_id]) + pdu) in data
        assert pdu[0] & 0x7F == expected.function


@given(flipped=st.sets(st.integers(0, 8 * len(ANSWER) - 1), min_size=1, max_size=3))
def test_up_to_three_broken_bits_are_always_noticed(flipped: set[int]) -> None:
    broken = bytearray(ANSWER)
    for bit in flipped:
        broken[bit // 8] ^= 1 << bit % 8
    assert find_answer(bytes(broken), EXPECTED) is None


@given(cut=st.integers(0, len(ANSWER) - 1))
def test_an_answer_is_waited_for_until_it_is_whole(cut: int) -> None:
    assert find_answer(ANSWER[:cut], EXPECTED) is None
    assert find_answer(ANSWER, EXPECTED) == PDU


@given(noise=st.binary(max_size=300).map(lambda data: data.replace(b"\7", b"")), tail=st.binary(max_size=20))
def test_an_answer_is_found_among_noise(noise: bytes, tail: bytes) -> None:
    assert find_answer(noise + ANSWER + tail, EXPECTED) == PDU


@given(before=st.lists(st.sampled_from([ANSWER[:3], ANSWER[:-1] + b"\0", frame(b"\7\3\2\0\0"), b"\7", b"\7\3"])))
def test_what_begins_as_the_answer_does_not_hide_it(before: list[bytes]) -> None:
    assert find_answer(b"".join(before) + ANSWER, EXPECTED) == PDU


@pytest.mark.parametrize(
    "foreign", [b"\6" + PDU, b"\7\4" + PDU[1:], b"\7\3\2\0\0", b"\6\x83\2", b"\7\x84\2", b"\7\x03\x83\2\0"]
)
def test_an_answer_to_something_else_is_none(foreign: bytes) -> None:
    assert find_answer(frame(foreign), EXPECTED) is None


def test_an_exception_to_the_request_is_an_answer() -> None:
    assert find_answer(frame(b"\7\x83\2"), EXPECTED) == b"\x83\2"


def test_an_exception_within_an_answer_under_way_is_a_part_of_it() -> None:
    words = b"\0" + frame(b"\7\x83\2")
    answer = frame(bytes([7, 3, 6]) + words)
    for cut in range(len(answer)):
        assert find_answer(answer[:cut], Expected(7, 3, 6)) is None
    assert find_answer(answer, Expected(7, 3, 6)) == bytes([3, 6]) + words


def test_an_identification_has_the_size_that_its_objects_have() -> None:
    body = bytes([7, IDENTIFICATION, 0x0E, 1, 1, 0, 0, 2, 0, 2]) + b"AB" + bytes([1, 1]) + b"C"
    expected = Expected(7, IDENTIFICATION, None)
    for cut in range(len(body)):
        assert find_answer(body[:cut], expected) is None
    assert find_answer(frame(body), expected) == body[1:]


@given(data=st.binary(max_size=300), expected=expectations)
def test_no_frame_leaves_pymodbus_as_an_exception(data: bytes, expected: Expected) -> None:
    rtu = RtuFramer(DecodePDU(False))
    rtu.expected = expected
    for checked in (data, frame(data)):
        assert rtu.handleFrame(checked, expected.unit_id, 0)[0] <= len(checked)


@given(pdu=st.binary(min_size=1, max_size=253))
def test_a_pdu_on_tcp_that_makes_no_sense_is_one_without_function(pdu: bytes) -> None:
    head = b"\0\5\0\0" + (len(pdu) + 1).to_bytes(2, "big") + b"\1"
    _, found = SocketFramer(DecodePDU(False)).handleFrame(head + pdu, 1, 5)
    assert found is None or found.function_code in (0, pdu[0])
