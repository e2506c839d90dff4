"""Operators' commands over a real broker, without a worker that answers."""

from __future__ import annotations

import asyncio
import json

import pytest

from ironstream import operator
from ironstream.contract import Topic
from ironstream.engine.log_reader import LogReader
from ironstream.errors import BrokerError
from ironstream.operator import UnansweredError, command_on, send_command
from ironstream.settings import Settings
from ironstream.topics import ensure_topics, topic_specs

HOT = "acme/north/pump-1/overheat/rule:hot/temperature"


async def test_a_command_that_nobody_answers_is_in_the_log_and_is_said_to_wait_there(deployment: Settings) -> None:
    settings = deployment
    await ensure_topics(settings.kafka_client_kwargs(), topic_specs(settings, [1]))
    command = command_on(HOT, "ack", "mia", command_id="c-1", occurrence_id="o1")
    with pytest.raises(UnansweredError, match="it waits in the log"):
        await send_command(settings, command, timeout_s=0.2)
    async with LogReader(settings, [Topic.ALARMS_RAW]) as reader:
        await reader.to_beginning()
        [written] = [json.loads(record.value) async for record in reader.until_end()]
    assert (written["command_id"], written["occurrence_id"], written["alarm_id"]) == ("c-1", "o1", HOT)


async def test_a_broker_that_says_nothing_is_not_waited_for_and_has_got_no_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(operator, "REACH_TIMEOUT_S", 0.3)

    async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(says_nothing, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(10):
            with pytest.raises(BrokerError, match="was not sent") as caught:
                await send_command(Settings(bootstrap=f"127.0.0.1:{port}"), command_on(HOT, "ack", "mia"))
    assert not isinstance(caught.value, UnansweredError)
