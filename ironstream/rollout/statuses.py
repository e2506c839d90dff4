"""Records of config.status: what each process that follows the log of topologies holds, and answers to a proposal."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from ironstream.errors import DecodeError

STATUS_PARTITION: Final = 0
HEARTBEAT_S: Final = 5.0
AWAY_S: Final = 3 * HEARTBEAT_S + 1
"""Who has said nothing for so long is away: it died, or is cut off."""

Role = Literal["worker", "gateway", "sink", "web"]


class Answer(msgspec.Struct, frozen=True):
    """To a proposal: it can be taken, or `refused` says why not."""

    proposal: str
    refused: str | None = None


class Status(msgspec.Struct, frozen=True):
    """A process, as it says it every `HEARTBEAT_S` and whenever something changes.

    `change` is the newest change of the log that it has dealt with, `version` what holds for it since; `refused` says
    what of that change it could not take, and goes on with as before. A worker has dealt with it in `on` of its `of`
    partitions: they switch where their logs name it.
    """

    participant: str
    role: Role
    change: int | None = None
    version: int | None = None
    refused: str | None = None
    on: int = 0
    of: int = 0
    answer: Answer | None = None

    def is_done_with(self, change: int) -> bool:
        """Whether it has dealt with this change, in all of its partitions."""
        return self.change is not None and self.change >= change and self.on == self.of


_decoder: Final[msgspec.json.Decoder[Status]] = msgspec.json.Decoder(Status)


def encode_status(status: Status) -> bytes:
    """Value of a record; its key is the name of the participant. An empty value says that it has ended."""
    return msgspec.json.encode(status)


def decode_status(value: bytes) -> Status:
    """What a record says. Raises DecodeError: a newer release may write what we do not know."""
    try:
        return _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as err:
        raise DecodeError("value", f"no status of a participant: {err}") from err
