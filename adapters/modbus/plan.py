"""Which reads fetch all tags: neighbours are merged into one request. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from adapters.modbus.config import ModbusConfig, RegisterKind

DEVICE_TIME = ""
"""Key of the device's clock among the keys of the tags (no tag has an empty name)."""


@dataclass(frozen=True, slots=True)
class Span:
    """Registers (or bits) that belong together: `count` of them from `address`, counted from 0 as on the wire."""

    key: str
    unit_id: int
    kind: RegisterKind
    address: int
    count: int

    @property
    def end(self) -> int:
        """First address after the span."""
        return self.address + self.count


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """One read of one unit, and the spans that it covers."""

    unit_id: int
    kind: RegisterKind
    address: int
    count: int
    spans: tuple[Span, ...]


def spans_of(config: ModbusConfig) -> list[Span]:
    """What the tags and the clock of a device take, with wire addresses."""
    located = [(tag.key, tag, tag.registers) for tag in config.tags]
    spans = [
        Span(name, _unit(config, tag.unit_id), tag.kind, tag.address - config.address_base, count)
        for name, tag, count in located
    ]
    clock = config.device_time
    if clock is not None:
        address = clock.address - config.address_base
        spans.append(Span(DEVICE_TIME, _unit(config, clock.unit_id), clock.kind, address, clock.registers))
    return spans


def plan(
    spans: Iterable[Span], *, max_gap: int = 8, max_registers: int = 125, max_bits: int = 2000
) -> tuple[ReadRequest, ...]:
    """The reads that cover every span, by unit, kind and address.

    No read takes more than `max_registers` (or `max_bits`), and none spans more than `max_gap` addresses that no span
    wants. A span is never cut: its registers come from one read, so a value is never torn.
    """
    requests: list[ReadRequest] = []
    group: list[Span] = []
    end = 0
    for span in sorted(spans, key=lambda s: (s.unit_id, s.kind, s.address, s.count)):
        cap = max_bits if span.kind.is_bits else max_registers
        fits = (
            bool(group)
            and (span.unit_id, span.kind) == (group[0].unit_id, group[0].kind)
            and span.address - end <= max_gap
            and max(end, span.end) - group[0].address <= cap
        )
        if fits:
            group.append(span)
            end = max(end, span.end)
        else:
            if group:
                requests.append(_request(group))
            group, end = [span], span.end
    if group:
        requests.append(_request(group))
    return tuple(requests)


def split(request: ReadRequest) -> tuple[ReadRequest, ...]:
    """One read per distinct place in `request`: for a device that refuses it because of one address or a gap."""
    places: dict[tuple[int, int], list[Span]] = {}
    for span in request.spans:
        places.setdefault((span.address, span.count), []).append(span)
    return tuple(_request(group) for group in places.values())


def _request(group: Sequence[Span]) -> ReadRequest:
    first = group[0]
    end = max(span.end for span in group)
    return ReadRequest(first.unit_id, first.kind, first.address, end - first.address, tuple(group))


def _unit(config: ModbusConfig, unit_id: int | None) -> int:
    return config.unit_id if unit_id is None else unit_id
