"""The errors a person meets. Each says what to do next.

Every error that ends a command derives from `IronstreamError`: the CLI prints `message` and `hint` and exits with
`exit_code` (1: the work failed, 2: bad usage or configuration). Everything else is a defect and shows its traceback.
"""

from __future__ import annotations


class IronstreamError(Exception):
    """Something failed that its reader can mend.

    `message` says what is wrong and where; `hint` says what to do next.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class ConfigurationError(IronstreamError):
    """A setting, file or command line that cannot be used as it stands."""

    exit_code = 2


class BrokerError(IronstreamError):
    """Kafka cannot be started, reached or used."""


class DatabaseError(IronstreamError):
    """The embedded PostgreSQL cannot be started or used."""


class EngineError(IronstreamError):
    """The engine cannot go on without risk to the data: the worker stops, the offsets stay where they were."""


class FencedError(EngineError):
    """Another worker has taken over the partition; nothing more may be written for it here."""


class StoreError(EngineError):
    """The local copy of a partition's state cannot be read or written. `damaged`: it can be rebuilt."""

    def __init__(self, message: str, hint: str = "", *, damaged: bool = False) -> None:
        super().__init__(message, hint)
        self.damaged = damaged


class DecodeError(IronstreamError):
    """A record that is not what the contract says. `field` names the part, `detail` what is wrong with it."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.field = field
        self.detail = detail
