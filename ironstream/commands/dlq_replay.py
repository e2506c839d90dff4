"""`ironstream dlq replay`: what was refused, given to the agents once more."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from ironstream.commands.ledger import moment_of
from ironstream.commands.options import BootstrapOption, OutputOption, settings_of
from ironstream.commands.output import Output, err, out, print_json, run
from ironstream.dead_letters import TOPICS
from ironstream.dead_letters.letter import reason_of
from ironstream.dead_letters.read import Wanted, letter_page, one_letter
from ironstream.dead_letters.replay import SOURCES, NotReplayableError, Replay, replay_of
from ironstream.dead_letters.write import write_replays
from ironstream.errors import ConfigurationError
from ironstream.schemas import Schemas
from ironstream.settings import Settings


def replay(
    record: Annotated[
        str | None, typer.Argument(metavar="[RECORD]", help="TOPIC/PARTITION/OFFSET, as `dlq list` names it.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="All that were refused for this reason.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only what reached Kafka since then: 30m, 8h, or a time.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many, the newest.")] = 10_000,
    bootstrap: BootstrapOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Give dead letters to the agents once more, after what refused them was mended.

    Each is judged by the topology that holds now, as if it had just come; a repeat of the same one counts once.

    Examples:

      ironstream dlq replay dlq.invalid_telemetry/3/17

      ironstream dlq replay --reason range --since 8h
    """
    if (record is None) == (reason is None):
        raise ConfigurationError("It is not told what to replay.", "Name one RECORD, or give --reason.")
    settings = settings_of(bootstrap=bootstrap)
    since_ms = None if since is None else moment_of(since, datetime.now(UTC))
    written, skipped = run(_work(settings, record, reason, since_ms, limit), settings.bootstrap)
    if output is Output.JSON:
        print_json({"replayed": written, "skipped": skipped})
        return
    for place, why in skipped.items():
        err().print(f"{place}: {why}", style="yellow", markup=False)
    out().print(f"{written} replayed, {len(skipped)} not.")


async def _work(
    settings: Settings, record: str | None, reason: str | None, since_ms: int | None, limit: int
) -> tuple[int, dict[str, str]]:
    found: list[tuple[str, Any]] = []
    if record is not None:
        topic, partition, offset = parse_place(record)
        found = [(topic, await one_letter(settings, topic, partition, offset))]
    else:
        for topic in SOURCES:
            wanted = lambda one: reason_of(one)[0] == reason  # noqa: E731  # one line says it
            found += [(topic, one) for one in await newest_letters(settings, topic, wanted, limit, since_ms)]
        found = sorted(found, key=lambda pair: pair[1].timestamp)[-limit:]
    schemas = Schemas(settings.schemas)
    replays: list[Replay] = []
    skipped: dict[str, str] = {}
    for topic, one in found:
        try:
            replays.append(replay_of(topic, one, schemas))
        except NotReplayableError as error:
            if record is not None:
                raise
            skipped[f"{topic}/{one.partition}/{one.offset}"] = error.message
    return await write_replays(settings, replays), skipped


async def newest_letters(
    settings: Settings, topic: str, wanted: Wanted, limit: int, since_ms: int | None = None
) -> list[Any]:
    """The newest `limit` records of a topic that are wanted, however many have to be looked at."""
    found: list[Any] = []
    before: dict[int, int] | None = None
    while len(found) < limit:
        page = await letter_page(settings, topic, wanted, limit - len(found), before=before, since_ms=since_ms)
        found += page.records
        if page.before is None:
            break
        before = page.before
    return found


def parse_place(text: str) -> tuple[str, int, int]:
    """Topic, partition and offset of a dead letter as people write it. Raises ConfigurationError."""
    topic, _, rest = text.partition("/")
    partition, _, offset = rest.partition("/")
    # the short form of the table leaves the common beginning of the names out
    topic = topic if topic.startswith("dlq.") else f"dlq.{topic}"
    if topic not in TOPICS or not partition.isdecimal() or not offset.isdecimal():
        raise ConfigurationError(
            f"{text!r} names no dead letter.", "Write TOPIC/PARTITION/OFFSET, as dlq.invalid_telemetry/3/17."
        )
    return topic, int(partition), int(offset)
