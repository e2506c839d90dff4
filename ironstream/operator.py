"""Operators' commands on alarms: written to alarms.raw, answered on audit_trail."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError

from ironstream.alarm_codec import encode
from ironstream.contract import Command, Topic, asset_key
from ironstream.engine.log_reader import LogReader
from ironstream.errors import BrokerError, ConfigurationError
from ironstream.settings import Settings

ANSWER_TIMEOUT_S: Final = 15.0
REACH_TIMEOUT_S: Final = 10.0
"""For all that comes before the command is written."""
WRITE_TIMEOUT_S: Final = 5.0
_STOP_S: Final = 2.0


class UnansweredError(BrokerError):
    """The command was written, or may have been, and no answer is there yet: it may still take effect."""


class Answer(msgspec.Struct, frozen=True):
    """What became of a command: `outcome` is accepted, rejected or repeated, `reason` says why it was not accepted."""

    command_id: str
    command: str
    actor: str
    outcome: str
    reason: str | None = None
    alarm_id: str | None = None
    occurrence_id: str | None = None
    transitions: int = 0
    time: str = ""


def command_on(alarm_id: str, command: str, actor: str, *, command_id: str | None = None, **fields: Any) -> Command:
    """A new command on the latest occurrence of an alarm, or on `occurrence_id` alone. Raises ConfigurationError for
    what is no alarm's id. `command_id` makes it a repeat of one that was sent before, without a second effect."""
    parts = alarm_id.split("/")
    if len(parts) < 4:
        raise ConfigurationError(
            f"{alarm_id!r} is no id of an alarm.", "`ironstream alarms list` shows them: tenant/site/asset/type/…"
        )
    tenant, site, asset = parts[:3]
    return Command(
        command_id=command_id or str(uuid4()),
        command=command,
        actor=actor,
        tenant_id=tenant,
        site_id=site,
        asset_id=asset,
        alarm_id=alarm_id,
        time=datetime.now(UTC).isoformat(timespec="milliseconds"),
        **fields,
    )


async def send_command(settings: Settings, command: Command, timeout_s: float = ANSWER_TIMEOUT_S) -> Answer:
    """Write the command and wait for its answer; `timeout_s` is for the answer alone.

    Raises UnansweredError where it may still take effect, BrokerError or KafkaError where it was not written.
    """
    key = asset_key(command.tenant_id, command.site_id, command.asset_id)
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(REACH_TIMEOUT_S):
                answers = await stack.enter_async_context(LogReader(settings, [Topic.AUDIT_TRAIL]))
                await answers.to_end()
                # the ends are asked for here, before the command is sent: an answer cannot slip by
                for tp in answers.partitions:
                    await answers.consumer.position(tp)
                producer = AIOKafkaProducer(**settings.kafka_client_kwargs(), acks="all", enable_idempotence=True)
                stack.push_async_callback(_stop, producer)
                await producer.start()
                # a topic without a leader is found out here, where nothing has been handed over yet
                await producer.partitions_for(settings.topic(Topic.ALARMS_RAW))
        except TimeoutError as error:
            raise BrokerError(
                "Kafka has not answered in time; the command was not sent.", "Is it running? Then send it again."
            ) from error
        await _write(producer, settings.topic(Topic.ALARMS_RAW), key, command)
        try:
            async with asyncio.timeout(timeout_s):
                async for record in answers.follow():
                    answer = _answer(record.value) if record.key == key else None
                    if answer is not None and answer.command_id == command.command_id:
                        return answer
        except (TimeoutError, KafkaError) as error:
            raise UnansweredError(
                f"No worker has answered the command within {timeout_s:.0f} s; it waits in the log"
                f" (command_id {command.command_id}) and takes effect once one reads it.",
                "Is a worker running, and does it keep up? `ironstream up` or `ironstream worker` starts one.",
            ) from error
    raise AssertionError("follow never ends")


async def _write(producer: AIOKafkaProducer, topic: str, key: bytes, command: Command) -> None:
    try:
        async with asyncio.timeout(WRITE_TIMEOUT_S):
            await producer.send_and_wait(topic, key=key, value=encode(command))
    except (TimeoutError, KafkaTimeoutError, KafkaConnectionError) as error:
        # the request may have reached a broker whose answer was lost
        raise UnansweredError(
            f"Kafka has not confirmed the command (command_id {command.command_id}): it is not known whether it was"
            " written.",
            "Sent again under the same command_id it has no second effect.",
        ) from error


async def _stop(producer: AIOKafkaProducer) -> None:
    # what it still holds was given up: a broker that is away must not keep anybody waiting
    with suppress(TimeoutError, KafkaError):
        async with asyncio.timeout(_STOP_S):
            await producer.stop()


def _answer(value: bytes | None) -> Answer | None:
    try:
        return msgspec.json.decode(value or b"", type=Answer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None  # the audit trail holds more than answers
