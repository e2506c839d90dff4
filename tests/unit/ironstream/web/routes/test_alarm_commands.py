"""Commands of operators whose answer does not come, or whose turn does not."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from ironstream.contract import Command
from ironstream.operator import Answer, UnansweredError
from ironstream.settings import Settings
from ironstream.web.routes import alarm_commands
from tests.support.web_memory import MemoryPlant, alarm_row, client_of

HOT = "acme/north/pump-1/overheat/rule:hot/temperature"


def _plant() -> MemoryPlant:
    plant = MemoryPlant()
    plant.put("alarms", [alarm_row("acme/north/pump-1", "hot")])
    return plant


async def _no_answer(settings: Settings, command: Command) -> Answer:
    raise UnansweredError(f"No worker has answered {command.command_id}.")


async def test_a_command_without_an_answer_is_pending_under_the_id_that_was_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(alarm_commands, "send_command", _no_answer)
    asked: dict[str, Any] = {"command": "ack", "command_id": str(uuid4()), "occurrence_id": "o1"}
    async with client_of(_plant()) as api:
        answer = await api.post(f"/alarms/{HOT}/commands", json=asked, headers={"X-Ironstream": "1"})
    told = answer.json()
    assert (answer.status_code, told["outcome"], told["took_effect"]) == (202, "pending", None)
    assert (told["command_id"], told["occurrence_id"]) == (asked["command_id"], "o1")
    assert "No worker has answered" in told["reason"]


async def test_a_command_waits_for_its_turn_so_long_and_says_that_it_was_not_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(alarm_commands, "_WAIT_S", 0.05)
    plant = _plant()
    plant.commands = asyncio.Semaphore(0)
    async with client_of(plant) as api, asyncio.timeout(10):
        answer = await api.post(f"/alarms/{HOT}/commands", json={"command": "ack"}, headers={"X-Ironstream": "1"})
    assert answer.status_code == 503
    assert "was not sent" in answer.json()["detail"]


async def test_a_command_on_a_whole_asset_is_of_no_occurrence() -> None:
    asked = {"command": "suppress", "whole_asset": True, "occurrence_id": "o1"}
    async with client_of(_plant()) as api:
        answer = await api.post(f"/alarms/{HOT}/commands", json=asked, headers={"X-Ironstream": "1"})
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("outcome", "reason", "took_effect"),
    [
        ("accepted", None, True),
        ("rejected", "alarm is CLEARED", False),
        ("repeated", "was accepted at offset 12", True),
        ("repeated", "was rejected at offset 12", False),
        ("repeated", None, None),
        ("pending", "No answer", None),
    ],
)
def test_an_answer_tells_whether_the_command_took_effect(
    outcome: str, reason: str | None, took_effect: bool | None
) -> None:
    answer = Answer("c1", "ack", "mia", outcome, reason, HOT, "o1")
    assert alarm_commands.answer_of(answer).took_effect is took_effect
