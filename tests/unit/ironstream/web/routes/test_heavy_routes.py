"""What reads much of the log stands in nobody's way."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from ironstream.dead_letters.read import Counted, LetterPage
from ironstream.ledger.book import Book
from ironstream.web.backlog import SOURCES
from ironstream.web.routes import audit, dlq, ledger, topology
from tests.support.web_memory import MemoryPlant, client_of

CASES: list[tuple[Any, str, str, Callable[[], Any]]] = [
    (ledger, "_read", "/ledger", lambda: (Book(), 0, 0, False)),
    (dlq, "count_letters", "/dlq/reasons", lambda: Counted([], False)),
    (dlq, "letter_page", "/dlq/dlq.invalid_telemetry", lambda: LetterPage([], None)),
    (audit, "letter_page", "/audit", lambda: LetterPage([], None)),
    (topology, "measured_rates", "/topology/graph", lambda: dict.fromkeys(SOURCES.values())),
]


@pytest.mark.parametrize(("module", "name", "path", "made"), CASES, ids=[path for _, _, path, _ in CASES])
async def test_others_are_answered_while_somebody_reads_much(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, path: str, made: Callable[[], Any]
) -> None:
    begun, answered = threading.Event(), threading.Event()

    async def decodes(*_: object, **__: object) -> Any:
        begun.set()
        assert answered.wait(30), "nobody else was answered meanwhile"
        return made()

    monkeypatch.setattr(module, name, decodes)
    async with client_of(MemoryPlant()) as api:
        asked = asyncio.create_task(api.get(path))
        await asyncio.to_thread(begun.wait, 30)
        assert (await api.get("/me")).status_code == 200
        answered.set()

        assert (await asked).status_code == 200
