from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from adapters.modbus.config import ModbusConfig, RegisterKind
from adapters.modbus.plan import DEVICE_TIME, ReadRequest, Span, plan, spans_of, split

spans = st.lists(
    st.builds(
        Span,
        key=st.text("abcdef", min_size=1, max_size=4),
        unit_id=st.integers(1, 3),
        kind=st.sampled_from(RegisterKind),
        address=st.integers(0, 400),
        count=st.integers(1, 10),
    ),
    max_size=40,
)


def wanted(request: ReadRequest) -> set[int]:
    return {address for span in request.spans for address in range(span.address, span.end)}


@given(spans=spans, gap=st.integers(0, 20), registers=st.integers(10, 125), bits=st.integers(10, 2000))
def test_every_span_is_read_once_and_whole_within_the_caps(
    spans: list[Span], gap: int, registers: int, bits: int
) -> None:
    requests = plan(spans, max_gap=gap, max_registers=registers, max_bits=bits)
    assert sorted(map(repr, spans)) == sorted(repr(span) for request in requests for span in request.spans)
    for request in requests:
        assert 1 <= request.count <= (bits if request.kind.is_bits else registers)
        for span in request.spans:
            assert (span.unit_id, span.kind) == (request.unit_id, request.kind)
            assert request.address <= span.address
            assert span.end <= request.address + request.count


@given(spans=spans, gap=st.integers(0, 20))
def test_no_read_spans_more_unused_addresses_than_allowed(spans: list[Span], gap: int) -> None:
    for request in plan(spans, max_gap=gap):
        used = sorted(wanted(request))
        assert used[0] == request.address
        assert used[-1] == request.address + request.count - 1
        assert all(b - a - 1 <= gap for a, b in pairwise(used))


@given(spans=spans)
def test_the_order_of_the_tags_does_not_matter(spans: list[Span]) -> None:
    places = [(r.unit_id, r.kind, r.address, r.count) for r in plan(spans)]
    assert [(r.unit_id, r.kind, r.address, r.count) for r in plan(reversed(spans))] == places


@given(spans=spans.filter(bool))
def test_a_refused_read_is_split_into_one_per_place(spans: list[Span]) -> None:
    for request in plan(spans, max_gap=20):
        parts = split(request)
        assert sorted(map(repr, request.spans)) == sorted(repr(span) for part in parts for span in part.spans)
        assert len({(part.address, part.count) for part in parts}) == len(parts)
        assert all(len({(s.address, s.count) for s in part.spans}) == 1 for part in parts)


def test_neighbours_share_one_read() -> None:
    config = ModbusConfig.model_validate(
        {
            "address_base": 1,
            "tags": [
                {"name": "a", "address": 1, "type": "FLOAT32"},
                {"name": "b", "address": 3},
                {"name": "far", "address": 100},
                {"name": "coil", "kind": "coil", "address": 1},
                {"name": "other", "address": 1, "unit_id": 7},
            ],
            "device_time": {"address": 5},
        }
    )
    requests = plan(spans_of(config), max_gap=config.max_gap)
    assert [(r.unit_id, r.kind.value, r.address, r.count, [s.key for s in r.spans]) for r in requests] == [
        (1, "coil", 0, 1, ["coil"]),
        (1, "holding", 0, 6, ["a", "b", DEVICE_TIME]),
        (1, "holding", 99, 1, ["far"]),
        (7, "holding", 0, 1, ["other"]),
    ]
