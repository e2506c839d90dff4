"""Whether a try that failed got further than those before it: for sinks that write a cut in several steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ironstream.sinks.sink import SinkUnavailableError


@contextmanager
def progress_told(steps: Callable[[], int]) -> Iterator[None]:
    """A SinkUnavailableError from within says whether `steps` has grown since this was entered.

    `steps` counts what the target has of the cut, each step once over all tries: a step that is repeated is none.
    """
    before = steps()
    try:
        yield
    except SinkUnavailableError as error:
        error.progressed = steps() > before
        raise
