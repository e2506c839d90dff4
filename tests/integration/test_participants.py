"""What processes that follow the log of topologies say of themselves, on a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import Set

from ironstream.rollout.participant import Participant
from ironstream.rollout.participants import Participants
from ironstream.settings import Settings
from ironstream.topics import ensure_topics, topic_specs


async def until(participants: Participants, said: Set[tuple[str, int | None, str | None]]) -> None:
    async with asyncio.timeout(30):
        while {
            (one.participant, one.change, one.answer and one.answer.refused) for one in participants.present
        } != said:
            await participants.poll()


async def test_who_is_there_is_known_to_whoever_asks_then_and_later(deployment: Settings) -> None:
    await ensure_topics(deployment.kafka_client_kwargs(), topic_specs(deployment, ()))
    async with Participants(deployment) as early, Participant(deployment, "gateway", "gw-1") as gateway:
        assert early.present == []
        gateway.say(change=3, version=2)
        async with Participant(deployment, "sink", "store") as sink:
            sink.say(change=4, version=2)
            gateway.answer("p", "no secret")
            there = {("gateway gw-1", 3, "no secret"), ("sink store", 4, None)}
            await until(early, there)
            async with Participants(deployment) as late:
                await until(late, there)
        await until(early, {("gateway gw-1", 3, "no secret")})


async def test_what_cannot_be_said_holds_up_nobody(deployment: Settings) -> None:
    away = deployment.model_copy(update={"bootstrap": "127.0.0.1:1"})
    async with asyncio.timeout(20), Participant(away, "worker", "w") as worker:
        worker.say(change=1, version=1)
        await asyncio.sleep(0.1)
        assert worker.status.change == 1
