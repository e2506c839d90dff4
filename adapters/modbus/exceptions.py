"""What a device says when it refuses: the exception codes of Modbus, each with what to do about it."""

from __future__ import annotations

from typing import Final

from ironstream.gateway.adapter import DeviceRefusedError

ILLEGAL_FUNCTION: Final = 1
ILLEGAL_ADDRESS: Final = 2
ILLEGAL_VALUE: Final = 3
ACKNOWLEDGE: Final = 5
BUSY: Final = 6
GATEWAY_PATH_UNAVAILABLE: Final = 10
GATEWAY_NO_RESPONSE: Final = 11
_MEANING: Final = {
    ILLEGAL_FUNCTION: ("illegal function", "the device does not know this kind of register: check `kind`"),
    ILLEGAL_ADDRESS: ("illegal data address", "check address, address_base and kind, or lower max_gap"),
    ILLEGAL_VALUE: ("illegal data value", "the device takes fewer registers at once: lower max_registers_per_read"),
    4: ("device failure", "see the device's own diagnosis"),
    ACKNOWLEDGE: ("still working", "raise busy_retries or busy_pause_s"),
    BUSY: ("busy", "raise busy_retries, busy_pause_s or poll_interval_s"),
    GATEWAY_PATH_UNAVAILABLE: ("gateway path unavailable", "check unit_id and the gateway's routes"),
    GATEWAY_NO_RESPONSE: ("unit does not answer its gateway", "check power and wiring of the unit, and unit_id"),
}


def refused(what: str, code: int) -> DeviceRefusedError:
    """The error for exception `code`, given as the answer to `what`."""
    meaning, hint = _MEANING.get(code, (f"exception {code}", "see its manual"))
    return DeviceRefusedError(f"{what}: {meaning}", hint, code=code)
