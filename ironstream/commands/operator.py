"""Operators' commands on alarms: written to alarms.raw, answered on audit_trail."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import msgspec
from aiokafka import AIOKafkaProducer

from ironstream.alarm_codec import encode
from ironstream.commands.log_reader import LogReader
from ironstream.contract import Command, Topic, asset_key
from ironstream.errors import BrokerError, ConfigurationError
from ironstream.settings import Settings

ANSWER_TIMEOUT_S: Final = 15.0


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


def command_on(alarm_id: str, command: str, actor: str, **fields: Any) -> Command:
    """A new command on the latest occurrence of an alarm. Raises ConfigurationError for what is no alarm's id."""
    parts = alarm_id.split("/")
    if len(parts) < 4:
        raise ConfigurationError(
            f"{alarm_id!r} is no id of an alarm.", "`ironstream alarms list` shows them: tenant/site/asset/type/…"
        )
    tenant, site, asset = parts[:3]
    return Command(
        command_id=str(uuid4()),
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
    """Write the command and wait for its answer.

    Raises BrokerError when none comes in time; the command stays in the log and takes effect once a worker reads it.
    """
    key = asset_key(command.tenant_id, command.site_id, command.asset_id)
    async with LogReader(settings, [Topic.AUDIT_TRAIL]) as answers:
        await answers.to_end()
        # the ends are asked for here, before the command is sent: an answer cannot slip by
        for tp in answers.partitions:
            await answers.consumer.position(tp)
        producer = AIOKafkaProducer(**settings.kafka_client_kwargs(), acks="all", enable_idempotence=True)
        await producer.start()
        try:
            await producer.send_and_wait(settings.topic(Topic.ALARMS_RAW), key=key, value=encode(command))
        finally:
            await producer.stop()
        try:
            async with asyncio.timeout(timeout_s):
                async for record in answers.follow():
                    answer = _answer(record.value)
                    if answer is not None and answer.command_id == command.command_id:
                        return answer
        except TimeoutError as error:
            raise BrokerError(
                f"No worker has answered the command within {timeout_s:.0f} s; it waits in the log"
                f" (command_id {command.command_id}) and takes effect once one reads it.",
                "Is a worker running, and does it keep up? `ironstream up` or `ironstream worker` starts one.",
            ) from error
    raise AssertionError("follow never ends")


def _answer(value: bytes | None) -> Answer | None:
    try:
        return msgspec.json.decode(value or b"", type=Answer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None  # the audit trail holds more than answers
