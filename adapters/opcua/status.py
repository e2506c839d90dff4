"""Status codes (Part 4, 7.39) to quality and reason. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from asyncua import ua

from ironstream.contract import Quality
from ironstream.gateway.adapter import COMM_LOSS

GOOD: Final = 0
OVERFLOW: Final = 0x480
"""InfoType DataValue with the bit that says: values were lost in the queue of the monitored item."""
_COMMUNICATION: Final = frozenset(
    {
        "BadCommunicationError",
        "BadNoCommunication",
        "BadNotConnected",
        "BadServerNotConnected",
        "BadConnectionClosed",
        "BadConnectionRejected",
        "BadTimeout",
        "BadRequestTimeout",
        "BadSensorFailureCommunication",
        "BadWaitingForInitialData",
    }
)
_NAMES: Final[dict[int, str]] = {
    code: name for name, code in vars(ua.StatusCodes).items() if isinstance(code, int) and not name.startswith("_")
}


@lru_cache(maxsize=1024)
def symbol(status: int) -> str:
    """Symbolic name such as "BadNodeIdUnknown"; a code that has none is "Bad0x80990000"."""
    code = status & 0xFFFF0000
    severity = "Good" if code < 0x40000000 else "Uncertain" if code < 0x80000000 else "Bad"
    return _NAMES.get(code) or f"{severity}0x{code:08x}"


@lru_cache(maxsize=1024)
def quality(status: int) -> tuple[Quality, str | None]:
    """Quality of a value with this status, and the reason unless it is GOOD.

    `comm_loss` where the server has lost what is behind it.
    """
    if status < 0x40000000:
        return Quality.GOOD, None
    name = symbol(status)
    if status < 0x80000000:
        return Quality.UNCERTAIN, name
    return Quality.BAD, COMM_LOSS if name in _COMMUNICATION else name


def overflowed(status: int) -> bool:
    """Whether the server says that the queue of the item was too short."""
    return status & 0xC00 == 0x400 and bool(status & 0x80)
