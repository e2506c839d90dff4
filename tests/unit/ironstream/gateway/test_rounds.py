from __future__ import annotations

from collections import deque

from ironstream.gateway.outgoing import Outgoing
from ironstream.gateway.rounds import Round, RoundSize


def outgoing(number: int) -> Outgoing:
    return Outgoing("t", b"k", str(number).encode())


def test_a_chunk_is_done_when_all_of_its_records_are_over_several_rounds() -> None:
    first = Round()
    for number, chunk_id in enumerate((7, 7, 8, 0)):
        first.add(outgoing(number), chunk_id)
    first.settle([0, 2, 3])
    assert first.done_on_disk == [8]
    rest = first.rest()
    assert (rest.remaining, rest.done_on_disk) == (1, [])
    rest.settle([0])
    assert rest.done_on_disk == [7]
    assert rest.rest().records == []


def test_a_round_takes_records_off_the_queue_as_many_as_it_holds() -> None:
    queue, taken = deque(map(outgoing, range(10))), Round()
    taken.fill(queue, 3 * outgoing(0).size)
    assert (len(taken.records), taken.remaining, len(queue)) == (3, 3, 7)
    assert taken.bytes == sum(record.size for record in taken.records)
    taken.fill(queue, 1)
    assert len(taken.records) == 3


def test_rounds_grow_on_a_fast_line_with_a_backlog_and_shrink_on_a_slow_one() -> None:
    size = RoundSize()
    least = size.bytes
    size.adapt(0.01, backlog=False)
    assert size.bytes == least
    for _ in range(20):
        size.adapt(0.01, backlog=True)
    assert size.bytes == 8 * 1024 * 1024
    size.adapt(1.0, backlog=True)
    assert size.bytes == 8 * 1024 * 1024
    for _ in range(20):
        size.adapt(5.0, backlog=True)
    assert size.bytes == least
