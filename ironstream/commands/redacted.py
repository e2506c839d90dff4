"""Errors of what a configuration with secrets leads to, on their way to the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ironstream.errors import IronstreamError


@contextmanager
def without_secrets(redact: Callable[[str], str]) -> Iterator[None]:
    """Takes the secrets of the configuration out of an error on its way to the terminal."""
    try:
        yield
    except IronstreamError as error:
        shown = IronstreamError(redact(error.message), redact(error.hint))
        shown.exit_code = error.exit_code
        raise shown from None
