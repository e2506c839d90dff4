"""Compare and set over many keys: watch, read, decide, write, all or nothing.

Optimistic, and without scripts, which not every managed Redis lets its users run: WATCH and all reads go out in one
piece, MULTI … EXEC in another, so a transaction costs two round trips however many keys it has. EXEC does nothing when
a watched key was changed in between; then everything is read again.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError, ExecAbortError, ResponseError

from ironstream.sinks.sink import SinkUnavailableError

Command = tuple[Any, ...]
TRIES: Final = 10


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to the keys of one asset: commands that read, and commands to write for their replies.

    `decide` is pure: it runs again when somebody else has changed a key. `key` names the node in a cluster.
    """

    key: str
    watched: Sequence[str]
    reads: Sequence[Command]
    decide: Callable[[Sequence[Any]], list[Command]]


def in_groups(changes: Iterable[Change], max_reads: int) -> Iterator[list[Change]]:
    """Changes that are made together: a server does nothing else while it runs a transaction."""
    group: list[Change] = []
    reads = 0
    for change in changes:
        if group and reads + len(change.reads) > max_reads:
            yield group
            group, reads = [], 0
        group.append(change)
        reads += len(change.reads)
    if group:
        yield group


async def apply(connection: AbstractConnection, changes: Sequence[Change], timeout_s: float) -> bool:
    """Make the changes in one transaction; whether there was anything to write. `timeout_s` is for each round trip.

    Raises what Redis answers (redis.exceptions), SinkUnavailableError when other writers never let go.
    """
    watch: Command = ("WATCH", *(key for change in changes for key in change.watched))
    reads = [command for change in changes for command in change.reads]
    for _ in range(TRIES):
        replies = iter((await _run(connection, [watch, *reads], timeout_s))[1:])
        writes = [command for change in changes for command in change.decide([next(replies) for _ in change.reads])]
        if not writes:
            await _run(connection, [("UNWATCH",)], timeout_s)
            return False
        # nil where a watched key was changed
        if (await _run(connection, [("MULTI",), *writes, ("EXEC",)], timeout_s))[-1] is not None:
            return True
    raise SinkUnavailableError(
        f"Another writer keeps changing the twin: {TRIES} transactions in a row were given up",
        "Is another sink, or another deployment, writing with the same key_prefix?",
    )


async def _run(connection: AbstractConnection, commands: Sequence[Command], timeout_s: float) -> list[Any]:
    """Replies of commands that go out in one piece. Raises the first error among them, after all were read."""
    async with asyncio.timeout(timeout_s):
        await connection.send_packed_command(connection.pack_commands(commands))
        replies, errors = await _replies(connection, len(commands))
    if errors:
        # why EXEC was refused says more than that it was
        raise next((error for error in errors if not isinstance(error, ExecAbortError)), errors[0])
    return replies


async def _replies(connection: AbstractConnection, count: int) -> tuple[list[Any], list[ResponseError]]:
    replies: list[Any] = []
    errors: list[ResponseError] = []
    for _ in range(count):
        try:
            # a timer for each reply would cost more than the reply
            reply = await connection.read_response(timeout=math.inf, disconnect_on_error=False)
        except ResponseError as error:
            errors.append(error)
            continue
        except ConnectionError:
            if errors:
                break  # what it said before it hung up is why
            raise
        replies.append(reply)
        if isinstance(reply, list):
            # a command may fail inside EXEC alone; the others were carried out
            errors += [part for part in reply if isinstance(part, ResponseError)]
    return replies, errors
