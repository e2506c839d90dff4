"""Structured logging of a process: one JSON object, or one readable line, per event, on stderr."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any, Literal, TextIO

import structlog
from pydantic import SecretBytes, SecretStr

HIDDEN = "********"
_SECRET_NAMES = (
    "password",
    "passwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "routing_key",
    "authorization",
    "credential",
)


def hide_secrets(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Structlog processor: put asterisks for each value whose name or type says that it is a secret, at any depth."""
    return {name: _hide(name, value) for name, value in event.items()}


def _hide(name: object, value: Any) -> Any:
    if isinstance(value, SecretStr | SecretBytes):
        return HIDDEN
    if isinstance(name, str) and any(secret in name.lower() for secret in _SECRET_NAMES) and value is not None:
        return HIDDEN
    if isinstance(value, dict):
        return {key: _hide(key, inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_hide(None, inner) for inner in value]
    return value


class LogHandler(logging.StreamHandler[TextIO]):
    """Writes to `stream`; None: to what sys.stderr is at that moment.

    A record that cannot be written is told by its logger and the error's type alone. The standard library would print
    the record and every exception under way as they are, and so what had been taken out of them.
    """

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__(stream)
        self._given = stream

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record. Raises nothing."""
        self.stream = self._given or sys.stderr
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # the standard library's name
        """Say that a record of this logger is lost, where that can be said."""
        kind = sys.exception()
        # a stream that is closed or gone, or a process without stderr: there is nobody to tell
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.write(f"a log record of {record.name} could not be written: {type(kind).__name__}\n")


def configure_logging(
    level: str = "INFO", form: Literal["json", "console"] = "json", stream: TextIO | None = None
) -> None:
    """Set up structlog and the standard library's logging alike, for the whole process; may be called again.

    Records of libraries (aiokafka, Faust) take the same form. Times are UTC. `stream` is stderr unless given.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        hide_secrets,
    ]
    if form == "json":
        final: list[structlog.typing.Processor] = [
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    else:
        final = [structlog.dev.ConsoleRenderer(colors=(stream or sys.stderr).isatty(), timestamp_key="time")]
    handler = LogHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # aiokafka tells at INFO each metadata update and each coordinator, many a minute
    logging.getLogger("aiokafka").setLevel(max(logging.getLevelNamesMapping()[level], logging.WARNING))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Logger of a module; key-value pairs of a call become fields of the record."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
