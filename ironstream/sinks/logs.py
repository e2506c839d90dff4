"""What the process of a sink logs as a warning or worse goes to the topic logs.sinks too, secrets taken out."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

import msgspec
from mode import Service

from ironstream.contract import Topic
from ironstream.errors import BrokerError
from ironstream.gateway.envelope import iso
from ironstream.gateway.outgoing import Outgoing, Priority
from ironstream.gateway.publisher import KafkaPublisher
from ironstream.gateway.secrets import Redactor
from ironstream.gateway.settings import GatewaySettings
from ironstream.log import hide_secrets
from ironstream.settings import Settings

_WAITING_LINES: Final = 1000
_TEXT_CHARS: Final = 4000
_BUFFER_BYTES: Final = 4 * 1024 * 1024
_FLUSH_S: Final = 2.0
# what structlog and the standard library put beside what was logged
_NOT_FIELDS: Final = frozenset(("event", "level", "time", "exc_info", "stack_info", "_record", "_from_structlog"))


class SinkLog(logging.Handler):
    """Makes lines of log records, whatever thread they come from. A line is lost rather than that it holds up a row."""

    def __init__(self, sink_id: str, redact: Redactor, *, hostname: str) -> None:
        super().__init__(logging.WARNING)
        self._redact = redact
        self._fields = {"sink": sink_id, "hostname": hostname}
        self._loop = asyncio.get_running_loop()
        self._lines: deque[bytes] = deque(maxlen=_WAITING_LINES)
        self.came = asyncio.Event()
        """Set when there are lines."""

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the line of a record. Raises nothing, and waits for nothing."""
        try:
            self._lines.append(msgspec.json.encode(self._line(record), enc_hook=str))
            self._loop.call_soon_threadsafe(self.came.set)
        except Exception:  # a record of any library may be anything; the process goes on
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # the standard library's name
        """The line is lost here, and still is in the log of the process."""

    def take(self) -> Iterator[bytes]:
        """The lines that wait, the oldest first."""
        while self._lines:
            yield self._lines.popleft()

    def _line(self, record: logging.LogRecord) -> dict[str, Any]:
        said = dict(record.msg) if isinstance(record.msg, Mapping) else {"event": record.getMessage()}
        error = said.get("exc_info") or record.exc_info
        fields = {str(name): value for name, value in said.items() if name not in _NOT_FIELDS}
        shown = hide_secrets(None, "", {"logger": record.name} | fields)
        line = {
            "time": iso(time.time_ns() // 1000),
            "level": record.levelname.lower(),
            "event": str(said.get("event", "")),
            **shown,
            **self._fields,
        }
        if (cause := _cause(error)) is not None:
            line["exception"] = repr(cause)
        return {name: self._clean(value) for name, value in line.items()}

    def _clean(self, value: Any) -> Any:
        match value:
            case None | bool() | int() | float():
                return value
            case Mapping():
                return {str(name): self._clean(one) for name, one in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self._clean(one) for one in value]
        # redacted before it is cut: half a secret is one that nobody recognizes
        return self._redact(str(value))[:_TEXT_CHARS]


def _cause(error: Any) -> BaseException | None:
    if isinstance(error, BaseException):
        return error
    return error[1] if isinstance(error, tuple) and len(error) == 3 else None


class SinkLogs(Service):
    """Has the log of the process go to logs.sinks for as long as it runs, by a producer of its own.

    That one may fail, or be away, and nothing else does. There is none before the first line.
    """

    abstract = False

    def __init__(self, sink_id: str, settings: Settings, redact: Redactor) -> None:
        super().__init__()
        self._sink_id = sink_id
        self._settings = settings
        self._redact = redact
        self._stopping = False
        self._log: SinkLog | None = None
        self._sending: asyncio.Task[None] | None = None

    async def on_start(self) -> None:
        """Listen to everything that is logged from here on."""
        self._log = SinkLog(self._sink_id, self._redact, hostname=socket.gethostname())
        logging.getLogger().addHandler(self._log)
        self._sending = asyncio.create_task(self._send(self._log), name="logs.sinks")

    async def on_stop(self) -> None:
        """Send what was said up to now, if Kafka takes it."""
        self._stopping = True
        if self._log is not None and self._sending is not None:
            logging.getLogger().removeHandler(self._log)
            self._log.came.set()
            await self._sending

    async def _send(self, log: SinkLog) -> None:
        waiting: list[bytes] = []
        while not waiting:
            await log.came.wait()
            waiting = list(log.take())
            if self._stopping and not waiting:
                return
        options = GatewaySettings.of(self._settings, max_buffer_bytes=_BUFFER_BYTES)
        key = self._sink_id.encode()
        async with KafkaPublisher(options) as publisher:
            while waiting or not self._stopping:
                for line in waiting:
                    publisher.offer(Outgoing(Topic.LOGS_SINKS, key, line, Priority.LOG))
                if not self._stopping:
                    await log.came.wait()
                    log.came.clear()
                waiting = list(log.take())
            # what is lost here is in the log of the process too
            with suppress(BrokerError):
                await publisher.flush(_FLUSH_S)
