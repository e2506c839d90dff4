from __future__ import annotations

from typing import Any

from adapters.mqtt.inbox import Arrival, Inbox, InFlight


def inbox(max_in_flight: int = 4) -> Inbox:
    made = Inbox(max_in_flight, max_waiting=2)
    made.connected(False, 0.0)
    return made


def arrive(box: Inbox, payload: bytes = b"1", **fields: Any) -> Arrival:
    base: dict[str, Any] = {"qos": 1, "mid": 1, "dup": False, "retained": False, "now_us": 0, "now_s": 1.0}
    return box.arrived("t", payload, **(base | fields))


def taken(box: Inbox) -> list[InFlight]:
    return [message.in_flight for message in box.take(100) if message.in_flight is not None]


def test_a_message_told_once_more_while_it_is_on_its_way_to_kafka_is_not_taken_twice() -> None:
    box = inbox()
    arrive(box)
    (in_flight,) = taken(box)
    box.connected(True, 2.0)
    assert arrive(box, dup=True) is Arrival.KNOWN
    assert len(box) == 0
    assert box.stored(in_flight, 3.0)
    box.confirmed(in_flight)
    assert arrive(box, b"2") is Arrival.TAKEN


def test_what_kafka_took_while_there_was_no_connection_is_confirmed_when_it_is_told_once_more() -> None:
    box = inbox()
    arrive(box)
    (in_flight,) = taken(box)
    box.connected(True, 2.0)
    assert not box.stored(in_flight, 2.0)
    assert arrive(box, dup=True) is Arrival.CONFIRM
    assert box.open_with(1) is in_flight


def test_a_broker_that_numbers_anew_what_it_tells_once_more_is_understood() -> None:
    box = inbox()
    arrive(box, mid=5)
    (in_flight,) = taken(box)
    box.connected(True, 2.0)
    assert arrive(box, mid=9, dup=True) is Arrival.KNOWN
    assert in_flight.mid == 9
    assert arrive(box, mid=10, dup=True) is Arrival.TAKEN


def test_in_a_new_session_an_old_id_is_another_message() -> None:
    box = inbox()
    arrive(box)
    (in_flight,) = taken(box)
    box.connected(False, 2.0)
    assert arrive(box) is Arrival.TAKEN
    assert not box.stored(in_flight, 3.0)


def test_an_id_that_comes_with_another_payload_is_another_message() -> None:
    box = inbox()
    arrive(box)
    box.connected(True, 2.0)
    assert arrive(box, b"other") is Arrival.TAKEN


def test_qos_2_is_not_taken_twice_after_it_was_confirmed_until_the_broker_lets_go() -> None:
    box = inbox()
    arrive(box, qos=2)
    (in_flight,) = taken(box)
    assert box.stored(in_flight, 1.0)
    box.confirmed(in_flight)
    box.connected(True, 2.0)
    assert arrive(box, qos=2, dup=True) is Arrival.CONFIRM
    box.released(1)
    assert arrive(box, qos=2) is Arrival.TAKEN


def test_memory_is_bounded_for_every_quality_of_service() -> None:
    box = inbox(max_in_flight=2)
    for mid in (1, 2, 3):
        assert not box.full
        arrive(box, mid=mid, payload=bytes([mid]))
    assert box.full
    for _ in range(5):
        arrive(box, qos=0, mid=0)
    assert len(box) == 5
    assert box.dropped == 3
    (first, _, _) = taken(box)
    box.stored(first, 1.0)
    box.confirmed(first)
    assert arrive(box, qos=0, mid=0) is Arrival.TAKEN
    assert arrive(box, mid=4, payload=b"4") is Arrival.TAKEN


def test_what_an_earlier_connection_left_open_does_not_fill_the_next_one() -> None:
    box = inbox(max_in_flight=1)
    arrive(box)
    arrive(box, mid=2, payload=b"2")
    assert box.full
    box.connected(True, 2.0)
    assert not box.full


def test_what_a_broker_kept_is_told_from_what_is_live() -> None:
    box = inbox()
    arrive(box)
    assert [message.backlog for message in box.take(1)] == [False]
    box.connected(True, 10.0)
    arrive(box, mid=2, payload=b"2", now_s=10.01)
    (kept,) = box.take(1)
    assert kept.backlog
    assert kept.in_flight is not None
    box.stored(kept.in_flight, 10.02)
    box.confirmed(kept.in_flight)
    arrive(box, mid=3, payload=b"3", now_s=10.5)
    assert [message.backlog for message in box.take(1)] == [False]


def test_after_closing_nothing_is_taken() -> None:
    box = inbox()
    box.closed = True
    assert arrive(box) is Arrival.DROPPED
    assert len(box) == 0
