"""What a target has answered of the cut that is being written.

A cut may take many requests, and a busy target may stop it after each of them. Were all repeated at the next attempt, a
target that takes fewer a minute than a cut has would never get through. So what is answered stays answered until the
cut is through. It is only ever a saving: without it, as after a crash, requests are repeated, which ids make harmless.
"""

from __future__ import annotations

from typing import Generic, TypeVar

OutcomeT = TypeVar("OutcomeT")


class Progress(Generic[OutcomeT]):
    """Outcomes of requests by topic; those of a cut that was given up are dropped when another begins."""

    def __init__(self) -> None:
        self._topics: dict[str, tuple[str, dict[str, OutcomeT]]] = {}

    def begin(self, topic: str, first: str) -> dict[str, OutcomeT]:
        """Outcomes so far, by key of the request, of the topic's cut that begins with the record `first`."""
        known = self._topics.get(topic)
        if known is None or known[0] != first:
            known = self._topics[topic] = (first, {})
        return known[1]

    def finish(self, topic: str) -> None:
        """The topic's cut is through."""
        self._topics.pop(topic, None)
