"""Why a question has no answer."""

from __future__ import annotations

from ironstream.errors import IronstreamError


class StoreUnreachableError(IronstreamError):
    """The store cannot be reached, or does not let us read."""


class NothingStoredError(IronstreamError):
    """The store has no rows of what was asked for."""
