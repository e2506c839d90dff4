"""What a gateway and its processes say to one another: one JSON object a line."""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec

from ironstream.errors import IronstreamError
from ironstream.gateway.pipeline import PipelineSpec

T = TypeVar("T")


class MessageError(IronstreamError):
    """A line that is no message."""


class Wanted(msgspec.Struct, frozen=True):
    """To the process, on stdin: all that it is to run from now on. Secrets are references still.

    The end of stdin means: stop, flush, exit.
    """

    number: int
    pipelines: list[PipelineSpec]


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """From the process, on stdout: it answers HTTP on this port of loopback."""

    health_port: int


class Applied(msgspec.Struct, frozen=True, tag="applied"):
    """From the process, on stdout: what `Wanted` of that number has led to.

    `boots` are the runs of the pipelines that run, `refused` the faults of those whose configuration is bad: of these
    the former version runs on, where there is one.
    """

    number: int
    boots: dict[str, str]
    refused: dict[str, list[str]]


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """From the process, on stdout: why it is about to exit with 2; its settings are bad, whatever the pipelines."""

    message: str


class PipelineHealth(msgspec.Struct, frozen=True):
    """The contract's health of one pipeline."""

    status: Literal["healthy", "degraded", "unhealthy"]
    last_reading_at: str | None = None
    readings_per_sec: float = 0.0
    errors_last_minute: int = 0


class Report(msgspec.Struct, frozen=True):
    """The answer of a process to GET /pipelines."""

    kafka_connection: Literal["ok", "error"]
    pipelines: dict[str, PipelineHealth]
    refused: dict[str, list[str]]


_WANTED = msgspec.json.Decoder(Wanted)
_SAID = msgspec.json.Decoder(Ready | Applied | Failed)
_REPORT = msgspec.json.Decoder(Report)


def encode(message: Wanted | Ready | Applied | Failed) -> bytes:
    """The message as a line."""
    return msgspec.json.encode(message) + b"\n"


def decode_wanted(line: bytes) -> Wanted:
    """What a gateway wrote. Raises MessageError."""
    return _decoded(_WANTED, line)


def decode_said(line: bytes) -> Ready | Applied | Failed:
    """What a process wrote. Raises MessageError."""
    said: Ready | Applied | Failed = _decoded(_SAID, line)
    return said


def decode_report(body: bytes) -> Report:
    """What a process answered to GET /pipelines. Raises MessageError."""
    return _decoded(_REPORT, body)


def _decoded(decoder: msgspec.json.Decoder[T], text: bytes) -> T:
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # the text itself is not shown: it may be anything
        raise MessageError(f"not understood: {error}", "gateway and process must be of one release") from None
