"""What people did through the web view, on audit_trail."""

from __future__ import annotations

import asyncio
from typing import Any, Final, Self
from uuid import uuid4

import msgspec
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from ironstream.contract import Topic
from ironstream.errors import ConfigurationError
from ironstream.rollout.operations import now
from ironstream.settings import Settings

_LOG = structlog.get_logger(__name__)
_TIMEOUT_S: Final = 5.0
KEY: Final = b"web"


class WebAudit(msgspec.Struct, frozen=True, tag_field="kind", tag="web", kw_only=True):
    """Something that somebody changed, or tried to. `request` is what was asked for; of a login there is nothing.

    `outcome` is done, refused (it may not, or could not be asked so) or failed.
    """

    id: str
    time: str
    actor: str
    via: str
    address: str
    action: str
    request: Any = None
    outcome: str
    status: int
    detail: str = ""


def web_audit(
    actor: str, via: str, address: str, action: str, status: int, *, request: Any = None, detail: str = ""
) -> WebAudit:
    """A record of now."""
    outcome = "done" if status < 400 else "refused" if status < 500 else "failed"
    return WebAudit(
        id=str(uuid4()), time=now(), actor=actor, via=via, address=address, action=action, request=request,
        outcome=outcome, status=status, detail=detail,
    )  # fmt: skip


class AuditTrail:
    """Writes to audit_trail while it is entered; it begins with the first record, for Kafka may be away before.

    What cannot be written there within 5 s is an error in the log, with all that it says.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = asyncio.Lock()
        self._producer: Any = None

    async def record(self, entry: WebAudit) -> None:
        """Write a record; returns when Kafka has it. Never raises for Kafka."""
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                producer = await self._started()
                topic = self._settings.topic(Topic.AUDIT_TRAIL)
                await producer.send_and_wait(topic, key=KEY, value=msgspec.json.encode(entry))
        except (KafkaError, ConfigurationError, OSError, TimeoutError) as error:
            # in the log as a whole: there it is the only trace
            _LOG.error("change_not_audited", error=repr(error), **msgspec.structs.asdict(entry))

    async def _started(self) -> Any:
        async with self._lock:
            if self._producer is None:
                producer = AIOKafkaProducer(**self._settings.kafka_client_kwargs(), acks="all", enable_idempotence=True)
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._producer is not None:
            producer, self._producer = self._producer, None
            await producer.stop()
