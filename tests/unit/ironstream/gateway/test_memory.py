from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from ironstream.gateway.memory import settle


class Node:
    """Stands in a cycle, as adapters, their runners and tasks do."""

    def __init__(self) -> None:
        self.own = self


@pytest.fixture(autouse=True)
def _thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_what_stays_is_out_of_the_collectors_sight() -> None:
    node = Node()
    settle()
    assert not any(one is node for one in gc.get_objects())


def test_what_was_frozen_and_is_let_go_is_collected_the_next_time() -> None:
    node = Node()
    gone = weakref.ref(node)
    settle()
    del node
    settle()
    assert gone() is None
