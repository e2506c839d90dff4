"""Errors of what a configuration with secrets leads to, on their way to the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ironstream.errors import IronstreamError


@contextmanager
def without_secrets(redact: Callable[[str], str]) -> Iterator[None]:
    """Takes the secrets of the configuration out of an error, which stays of its type, on its way to the terminal."""
    try:
        yield
    except IronstreamError as error:
        error.message, error.hint = redact(error.message), redact(error.hint)
        error.args = (error.message,)
        # what it came from may hold them too
        raise error from None
