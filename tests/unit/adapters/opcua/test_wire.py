from __future__ import annotations

import struct
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import nodeid_to_binary, struct_to_binary, variant_to_binary
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.opcua.messages import Change, history_pages, publication, read_results, republished
from adapters.opcua.node_ids import node_id
from adapters.opcua.wire import DataValue, Matrix, Node, Reader, Structure, WireError

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
MOMENT_US = 1_767_323_045_678_901


@pytest.mark.parametrize(
    ("value", "type_", "expected"),
    [
        (True, ua.VariantType.Boolean, True),
        (-7, ua.VariantType.SByte, -7),
        (2**64 - 1, ua.VariantType.UInt64, 2**64 - 1),
        (-(2**63), ua.VariantType.Int64, -(2**63)),
        (0.1, ua.VariantType.Double, 0.1),
        ("Grüße", ua.VariantType.String, "Grüße"),
        (MOMENT, ua.VariantType.DateTime, MOMENT_US),
        (uuid.UUID(int=5), ua.VariantType.Guid, uuid.UUID(int=5)),
        (b"\x01", ua.VariantType.ByteString, b"\x01"),
        (node_id("x", 3), ua.VariantType.NodeId, Node(3, "x")),
        (ua.StatusCode(ua.UInt32(0x80340000)), ua.VariantType.StatusCode, 0x80340000),
        (ua.LocalizedText("a", "de"), ua.VariantType.LocalizedText, "a"),
        ([1, 2, 3], ua.VariantType.Int16, [1, 2, 3]),
        (["a", "b"], ua.VariantType.String, ["a", "b"]),
        ([[1.0, 2.0], [3.0, 4.0]], ua.VariantType.Double, Matrix([1.0, 2.0, 3.0, 4.0], (2, 2))),
        ([ua.Variant(1, ua.VariantType.Int32), ua.Variant("x")], ua.VariantType.Variant, [1, "x"]),
    ],
)
def test_a_variant_is_read_as_the_library_writes_it(value: Any, type_: ua.VariantType, expected: Any) -> None:
    reader = Reader(variant_to_binary(ua.Variant(value, type_)))
    assert reader.variant() == (expected, type_.value)
    assert reader.pos == len(reader.data)


def test_a_structure_stays_closed() -> None:
    data = variant_to_binary(ua.Variant(ua.Range(Low=1.0, High=2.0), ua.VariantType.ExtensionObject))
    assert Reader(data).variant()[0] == Structure(Node(0, 886), struct.pack("<dd", 1, 2))


@pytest.mark.parametrize(
    ("ticks", "expected"), [(0, None), (-1, None), (2**63 - 1, None), (116_444_736_000_000_010, 1)]
)
def test_a_time_is_microseconds_since_the_epoch_or_none(ticks: int, expected: int | None) -> None:
    assert Reader(struct.pack("<q", ticks)).time_us() == expected


def test_an_array_whose_length_is_a_lie_takes_no_memory() -> None:
    with pytest.raises(WireError, match="an array of"):
        Reader(b"\x8b" + struct.pack("<i", 2**31 - 1)).variant()


def test_variants_within_variants_end_somewhere() -> None:
    nested = b"\x98\x01\x00\x00\x00" * 100 + b"\x01\x01"
    with pytest.raises(WireError, match="without end"):
        Reader(nested).variant()


def data_value(value: float = 1.5) -> ua.DataValue:
    moment: Any = MOMENT
    return ua.DataValue(
        ua.Variant(value, ua.VariantType.Double),
        ua.StatusCode(ua.UInt32(0x40900000)),
        SourceTimestamp=moment,
        ServerTimestamp=moment,
    )


EXPECTED = DataValue(1.5, 11, 0x40900000, MOMENT_US, MOMENT_US)


def test_the_results_of_a_read_come_in_order_with_their_status_and_times() -> None:
    answer = ua.ReadResponse()
    answer.ResponseHeader.Timestamp = data_value().ServerTimestamp
    answer.Results = [data_value(), ua.DataValue(StatusCode=ua.StatusCode(ua.UInt32(0x80340000)))]
    said_us, (first, second) = read_results(struct_to_binary(answer))
    assert said_us == MOMENT_US
    assert first == EXPECTED
    assert (second.value, second.status) == (None, 0x80340000)


@pytest.mark.parametrize("with_server_time", [True, False])
@pytest.mark.parametrize("with_status", [True, False])
@pytest.mark.parametrize(
    ("value", "type_"),
    [
        (True, ua.VariantType.Boolean),
        (-128, ua.VariantType.SByte),
        (255, ua.VariantType.Byte),
        (-32768, ua.VariantType.Int16),
        (65535, ua.VariantType.UInt16),
        (-(2**31), ua.VariantType.Int32),
        (2**32 - 1, ua.VariantType.UInt32),
        (-(2**63), ua.VariantType.Int64),
        (2**64 - 1, ua.VariantType.UInt64),
        (0.5, ua.VariantType.Float),
        (0.1, ua.VariantType.Double),
    ],
)
def test_numbers_are_read_as_all_other_values_are(
    value: Any, type_: ua.VariantType, with_status: bool, with_server_time: bool
) -> None:
    both = data_value()
    told = ua.DataValue(
        ua.Variant(value, type_),
        both.StatusCode if with_status else None,
        SourceTimestamp=both.SourceTimestamp,
        ServerTimestamp=both.ServerTimestamp if with_server_time else None,
    )
    data = struct_to_binary(told)
    # with picoseconds of the source time: the long way
    before = 2 + struct.calcsize("<" + "?bBhHiIqQfd"[type_.value - 1]) + (4 if with_status else 0) + 8
    long = bytes([data[0] | 0x10]) + data[1:before] + bytes(2) + data[before:]
    status = 0x40900000 if with_status else 0
    expected = DataValue(value, type_.value, status, MOMENT_US, MOMENT_US if with_server_time else None)
    for encoded in (data, long):
        reader = Reader(encoded + b"rest")
        assert reader.data_value() == expected
        assert reader.take(4) == b"rest"


def published() -> bytes:
    item = ua.MonitoredItemNotification()
    item.ClientHandle, item.Value = ua.UInt32(7), data_value()
    event = ua.EventFieldList()
    event.ClientHandle = ua.UInt32(8)
    event.EventFields = [ua.Variant("Pump"), ua.Variant(5, ua.VariantType.UInt16)]
    answer = ua.PublishResponse()
    answer.Parameters.SubscriptionId = ua.UInt32(3)
    answer.Parameters.NotificationMessage.SequenceNumber = ua.UInt32(9)
    answer.Parameters.NotificationMessage.PublishTime = data_value().ServerTimestamp
    parts: Any = [
        ua.DataChangeNotification([item]),
        ua.EventNotificationList([event]),
        ua.StatusChangeNotification(ua.StatusCode(ua.UInt32(0x800A0000))),
    ]
    answer.Parameters.NotificationMessage.NotificationData = parts
    return struct_to_binary(answer)


def test_a_publication_holds_changes_events_and_the_end_of_the_subscription() -> None:
    told = publication(published())
    assert (told.subscription, told.sequence, told.keep_alive, told.status) == (3, 9, False, 0x800A0000)
    assert told.changes == [Change(7, EXPECTED)]
    assert told.time_us == MOMENT_US
    assert [(event.handle, event.fields) for event in told.events] == [(8, ["Pump", 5])]


def test_a_publication_without_parts_keeps_alive() -> None:
    assert publication(struct_to_binary(ua.PublishResponse())).keep_alive


def test_history_comes_in_pages_and_a_refused_one_is_empty() -> None:
    page, refused = ua.HistoryReadResult(), ua.HistoryReadResult()
    page.ContinuationPoint = ua.ByteString(b"more")
    history: Any = ua.HistoryData([data_value()])
    page.HistoryData = history
    refused.StatusCode = ua.StatusCode(ua.UInt32(0x80710000))
    answer = ua.HistoryReadResponse()
    answer.Results = [page, refused]
    first, second = history_pages(struct_to_binary(answer))
    assert (first.status, first.more, first.values) == (0, b"more", [EXPECTED])
    assert (second.status, second.more, second.values) == (0x80710000, None, [])


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_hostile_bytes_are_read_or_a_wire_error(data: bytes) -> None:
    for read in (read_results, publication, republished, history_pages):
        with suppress(WireError):
            read(data)


@settings(max_examples=300)
@given(st.integers(0, 400), st.integers(0, 255), st.integers(0, 400))
def test_an_answer_with_one_wrong_byte_or_cut_off_is_read_or_a_wire_error(at: int, byte: int, end: int) -> None:
    whole = bytearray(published())
    if at < len(whole):
        whole[at] = byte
    with suppress(WireError):
        publication(bytes(whole[: end or len(whole)]))


def test_every_form_of_a_node_id_is_read() -> None:
    for node in (
        node_id(5),
        node_id(5, 2),
        node_id(70000, 300),
        node_id(b"x", 1),
    ):
        assert Reader(nodeid_to_binary(node)).node() == Node(int(node.NamespaceIndex), node.Identifier)
