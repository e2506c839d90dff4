"""What operators do about alarms: written to alarms.raw, answered by the agent that carries it out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from ironstream.alarm_codec import outcome_before
from ironstream.domain.times import to_iso
from ironstream.operator import Answer, UnansweredError, command_on, send_command
from ironstream.web.models import us_of
from ironstream.web.plant import Plant
from ironstream.web.problems import COMMON, ApiError, problems
from ironstream.web.routes.alarms import AlarmId, told_of
from ironstream.web.routes.deps import Operator, PlantDep

router = APIRouter(tags=["alarms"], responses=COMMON)
_WAIT_S: Final = 5.0
"""Until it is the turn of a command, of those under way at once."""


class CommandRequest(BaseModel):
    """What an operator asks for. A shelving needs a reason and a comment, and ends at `until`; without that it is
    one-shot: it ends when the alarm clears. `whole_asset`: suppress, or unshelve, the asset and not the one alarm.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"command": "ack", "comment": "on my way"},
                {"command": "shelve", "reason": "maintenance", "comment": "bearing", "until": "2031-01-31T18:00:00Z"},
            ]
        }
    )

    command: Literal["ack", "shelve", "unshelve", "suppress", "comment"]
    comment: str | None = Field(None, max_length=2000)
    reason: str | None = Field(None, max_length=2000)
    until: AwareDatetime | None = None
    one_shot: bool = False
    whole_asset: bool = False
    occurrence_id: str | None = Field(
        None, max_length=200, description="Only this occurrence is meant: where the alarm was raised again since, the"
        " command is rejected. Left out: the latest there is when the agent reads it.",
    )  # fmt: skip
    command_id: UUID | None = Field(
        None, description="Made by whoever asks, once for what is wanted: the same command sent again under the same id"
        " has no second effect.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _fits(self) -> CommandRequest:
        if self.one_shot and self.until is not None:
            raise ValueError("one_shot and until exclude each other")
        if self.whole_asset and self.command not in ("suppress", "unshelve"):
            raise ValueError("only suppress and unshelve can be of the whole asset")
        if self.whole_asset and self.occurrence_id is not None:
            raise ValueError("whole_asset and occurrence_id exclude each other")
        return self


class CommandAnswer(BaseModel):
    """What became of a command, as it is in the audit trail: `reason` says why it was not accepted.

    `pending`: nobody knows yet whether it takes effect; sent again under its `command_id` it is answered `repeated`,
    and `took_effect` says what became of the first.
    """

    command_id: str
    command: str
    actor: str
    outcome: Literal["accepted", "rejected", "repeated", "pending"]
    took_effect: bool | None = Field(description="Of the command, or of the one that it repeats. Null: not known.")
    reason: str | None
    alarm_id: str | None
    occurrence_id: str | None
    transitions: int
    time: str


_PENDING: Final[dict[int | str, dict[str, Any]]] = {
    202: {"model": CommandAnswer, "description": "No answer came in time (`pending`): it may still take effect."}
}


@router.post("/alarms/{alarm_id:path}/commands", operation_id="commandAlarm", responses=problems(404, 413) | _PENDING)
async def command(
    plant: PlantDep, who: Operator, alarm_id: AlarmId, request: CommandRequest, response: Response
) -> CommandAnswer:
    """Acknowledge, shelve, unshelve, suppress or comment; the answer is that of the agent which carried it out.

    It is 200 also where the agent rejects it: `outcome` and `reason` say so, and the audit trail keeps it. It is 202
    where no answer came in time; an error says that nothing was sent.
    """
    told = told_of(plant, who, alarm_id)
    made = command_on(
        told.alarm_id,
        request.command,
        who.name,
        command_id=str(request.command_id or uuid4()),
        occurrence_id=request.occurrence_id,
        comment=request.comment,
        reason=request.reason,
        until=None if request.until is None else to_iso(us_of(request.until, 0)),
    )
    if request.whole_asset:
        made.alarm_id = None
    async with _turn(plant):
        try:
            answer = await send_command(plant.settings, made)
        except UnansweredError as error:
            response.status_code = 202
            answer = Answer(
                made.command_id, made.command, made.actor, "pending", error.message, told.alarm_id, made.occurrence_id
            )
    return answer_of(answer)


def answer_of(answer: Answer) -> CommandAnswer:
    """The answer of an agent, with what it means for the command."""
    outcome = outcome_before(answer.reason) if answer.outcome == "repeated" else answer.outcome
    took_effect = {"accepted": True, "rejected": False}.get(outcome or "")
    fields = {name: getattr(answer, name) for name in Answer.__struct_fields__}
    return CommandAnswer.model_validate(fields | {"took_effect": took_effect})


@asynccontextmanager
async def _turn(plant: Plant) -> AsyncIterator[None]:
    try:
        await asyncio.wait_for(plant.commands.acquire(), _WAIT_S)
    except TimeoutError as error:
        raise ApiError(
            503,
            "Too many commands wait for their answers; this one was not sent.",
            "Try again in a moment. Does a worker run? GET /api/v1/health says.",
            {"Retry-After": "5"},
        ) from error
    try:
        yield
    finally:
        plant.commands.release()
