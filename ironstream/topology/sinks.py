"""What the topology knows of a kind of sink, and which topics a sink of it gets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from pydantic import BaseModel

from ironstream.contract import Topic
from ironstream.topology.model import SinkPart


class SinkSort(Protocol):
    """A kind of sink, as far as its declaration is concerned; `ironstream.sinks.sink.SinkKind` is one."""

    @property
    def config_model(self) -> type[BaseModel]:
        """The class of its configuration."""

    @property
    def topics(self) -> Callable[[str], bool]:
        """Whether it can take a topic (name without prefix)."""

    @property
    def default_topics(self) -> Callable[[str], bool] | None:
        """Whether it gets a topic where none is named; None: all that it can take."""


SinkSorts = Mapping[str, SinkSort]
"""Name of a kind of sink (`kind:`) → what is known of it."""


def topics_of(sink: SinkPart, sort: SinkSort, window_sizes_s: Iterable[int]) -> tuple[str, ...]:
    """The topics (names without prefix) that a sink gets: those that it names, else those that its kind gets."""
    if sink.topics:
        return sink.topics
    return tuple(filter(sort.default_topics or sort.topics, Topic.clean(window_sizes_s)))
