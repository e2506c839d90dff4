"""A read of the plan with all that is worked out once: which points it fills and how its bytes become values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.modbus.config import ModbusConfig
from adapters.modbus.decode import Decoder
from adapters.modbus.layout import Layout, layout_of_bit, layout_of_clock, layout_of_tag
from adapters.modbus.plan import DEVICE_TIME, ReadRequest, Span, plan, spans_of, split


@dataclass(frozen=True, slots=True)
class CompiledRead:
    """`decoder` gives, of the bytes that the read got, a value for each key of `keys` in their order."""

    request: ReadRequest
    keys: tuple[str, ...]
    decoder: Decoder


class ReadCompiler:
    """Compiles reads for the tags and the clock of one device."""

    def __init__(self, config: ModbusConfig) -> None:
        self._config = config
        self._layouts: dict[str, Layout] = {tag.key: layout_of_tag(tag) for tag in config.tags}
        if config.device_time is not None:
            self._layouts[DEVICE_TIME] = layout_of_clock(config.device_time)

    def plan(self) -> Mapping[int, tuple[CompiledRead, ...]]:
        """The reads that fetch everything, by unit."""
        config = self._config
        reads: dict[int, list[CompiledRead]] = {}
        for request in plan(
            spans_of(config),
            max_gap=config.max_gap,
            max_registers=config.max_registers_per_read,
            max_bits=config.max_bits_per_read,
        ):
            reads.setdefault(request.unit_id, []).append(self._compile(request))
        return {unit: tuple(of_unit) for unit, of_unit in reads.items()}

    def split(self, read: CompiledRead) -> tuple[CompiledRead, ...]:
        """One read for each distinct place in `read` (see `plan.split`)."""
        return tuple(self._compile(part) for part in split(read.request))

    def _compile(self, request: ReadRequest) -> CompiledRead:
        decoder = Decoder([self._layout(request, span) for span in request.spans])
        return CompiledRead(request, tuple(span.key for span in request.spans), decoder)

    def _layout(self, request: ReadRequest, span: Span) -> Layout:
        if request.kind.is_bits:
            return layout_of_bit(span.address - request.address)
        return self._layouts[span.key].moved(2 * (span.address - request.address))
