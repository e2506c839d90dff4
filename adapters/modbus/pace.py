"""How long a poll of a serial line takes at least, and at most while a unit is silent. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from adapters.modbus.config import ModbusConfig
from adapters.modbus.plan import ReadRequest, plan, spans_of
from adapters.modbus.serial_config import ModbusRtuConfig
from ironstream.pace import Haste

_REQUEST_BYTES: Final = 8
"""Unit, function, address, count and CRC."""
_ANSWER_BYTES: Final = 5
"""Unit, function, number of bytes and CRC, around the values."""


def requests_of(config: ModbusConfig) -> tuple[ReadRequest, ...]:
    """The reads of one poll."""
    return plan(
        spans_of(config),
        max_gap=config.max_gap,
        max_registers=config.max_registers_per_read,
        max_bits=config.max_bits_per_read,
    )


def bytes_of(request: ReadRequest) -> int:
    """Bytes on the line for a read and its answer."""
    values = math.ceil(request.count / 8) if request.kind.is_bits else 2 * request.count
    return _REQUEST_BYTES + _ANSWER_BYTES + values


def least_s(config: ModbusRtuConfig, requests: Sequence[ReadRequest]) -> float:
    """Time on the line of a poll whose answers come at once: characters, and the silence before each request."""
    characters = sum(map(bytes_of, requests))
    return characters * config.bits_per_character / config.baudrate + len(requests) * config.silence_s


def haste(config: ModbusRtuConfig, poll_interval_s: float) -> list[Haste]:
    """What is against a poll of the line every `poll_interval_s` seconds."""
    requests = requests_of(config)
    least = least_s(config, requests)
    if least > poll_interval_s:
        count = f"{len(requests)} request{'s' if len(requests) != 1 else ''}"
        fault = (
            f"a poll of {count} takes {least:.3g} s or more at {config.baudrate} Bd:"
            f" the line cannot carry one every {poll_interval_s:g} s"
        )
        return [Haste(fault, f"poll every {_rounded_up(2 * least):g} s or less often, or raise baudrate")]
    units = sorted({request.unit_id for request in requests})
    if len(units) < 2:
        return []
    slowest = max(units, key=config.timeout_of)
    longest = config.timeout_of(slowest) * (1 + config.retries)
    if longest <= poll_interval_s:
        return []
    fault = (
        f"while unit {slowest} is silent it holds up the other units of the line for {longest:g} s,"
        f" and they are to be polled every {poll_interval_s:g} s"
    )
    fitting = max(poll_interval_s / (1 + config.retries), 2 * least)
    mend = f"poll every {_rounded_up(longest + least):g} s, or lower timeout_s (to {_rounded(fitting):g}) or retries"
    return [Haste(fault, mend)]


def _rounded_up(seconds: float) -> float:
    """To two digits, which people write."""
    step = 10.0 ** (math.floor(math.log10(seconds)) - 1)
    return float(f"{math.ceil(seconds / step - 1e-9) * step:.6g}")


def _rounded(seconds: float) -> float:
    return float(f"{seconds:.2g}")
