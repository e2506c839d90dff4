"""What a target has answered of the cut that is being written.

A cut may take many requests, and a busy target may stop it after each of them. Were all repeated at the next attempt, a
target that takes fewer a minute than a cut has would never get through. So what is answered stays answered until the
cut is through. It is only ever a saving: without it, as after a crash, requests are repeated, which ids make harmless.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from ironstream.sinks.progress import progress_told

OutcomeT = TypeVar("OutcomeT")


class Progress(Generic[OutcomeT]):
    """Outcomes of requests by topic; those of a cut that was given up are dropped when another begins."""

    def __init__(self) -> None:
        self._topics: dict[str, tuple[str, dict[str, OutcomeT]]] = {}

    @contextmanager
    def attempt(self, topic: str, first: str) -> Iterator[dict[str, OutcomeT]]:
        """A try to write the topic's cut that begins with the record `first`: outcomes so far, by key of the request.

        To be filled with what is answered. Left without an error, the cut is through; a SinkUnavailableError says
        whether there are more outcomes than before.
        """
        known = self._topics.get(topic)
        if known is None or known[0] != first:
            known = self._topics[topic] = (first, {})
        answered = known[1]
        with progress_told(lambda: len(answered)):
            yield answered
        self._topics.pop(topic, None)
