"""`ironstream dlq`: what was refused, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer
from aiokafka import TopicPartition

from ironstream.commands.log_reader import LogReader
from ironstream.commands.options import BootstrapOption, OutputOption, settings_of
from ironstream.commands.output import Output, clock, out, print_json, print_table, progress, run
from ironstream.commands.records import as_json, headers_of, text_of
from ironstream.contract import Topic
from ironstream.dlq import SINK_HEADER
from ironstream.errors import ConfigurationError
from ironstream.settings import Settings

TOPICS = (Topic.DLQ_TELEMETRY, Topic.DLQ_EVENTS, Topic.DLQ_ALARMS, Topic.DLQ_SINKS, Topic.DLQ_OVERFLOW)
_READ_TIMEOUT_MS = 5000

app = typer.Typer(no_args_is_help=True, help="Dead letters: records that were refused, with the reason.")


@dataclass(slots=True)
class Refusals:
    """Dead letters of one topic with one reason; on dlq.sinks those of one sink."""

    topic: str
    reason: str
    sink: str | None = None
    count: int = 0
    last_ms: int = -1
    last_id: str = ""
    last_detail: str = ""

    def add(self, record: Any, detail: str) -> None:
        """Count one more."""
        self.count += 1
        if record.timestamp >= self.last_ms:
            self.last_ms, self.last_detail = record.timestamp, detail
            self.last_id = f"{self.topic}/{record.partition}/{record.offset}"


@app.command("list")
def list_reasons(
    reason: Annotated[str | None, typer.Option(help="Only this reason, and its records one by one.")] = None,
    sink: Annotated[str | None, typer.Option(metavar="NAME", help="Only what this sink could not write.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many records of a reason.")] = 20,
    bootstrap: BootstrapOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Count the dead letters by reason; with --reason list the last of them.

    Examples:

      ironstream dlq list

      ironstream dlq list --reason malformed

      ironstream dlq list --sink archive
    """
    settings = settings_of(bootstrap=bootstrap)
    groups, records = run(_read(settings, reason, sink, limit), settings.bootstrap)
    if reason is not None:
        if output is Output.JSON:
            print_json([as_json(topic, record) for topic, record in records])
            return
        rows = [
            (f"{topic}/{record.partition}/{record.offset}", clock(record.timestamp), text_of(record.key),
             headers_of(record).get("dlq-detail"))
            for topic, record in records
        ]  # fmt: skip
        print_table(f"Last {len(rows)} of {reason}", ("record", "time (UTC)", "key", "detail"), rows)
    elif output is Output.JSON:
        print_json(
            [
                {"topic": one.topic, "sink": one.sink, "reason": one.reason, "count": one.count,
                 "last_timestamp_ms": one.last_ms, "last_record": one.last_id, "last_detail": one.last_detail}
                for one in groups
            ]
        )  # fmt: skip
    elif not groups:
        out().print("No dead letters.")
    else:
        rows_ = [
            (
                f"{one.topic} of {one.sink}" if one.sink else one.topic,
                one.reason,
                one.count,
                clock(one.last_ms),
                one.last_id.rsplit(".", 1)[-1],
                one.last_detail,
            )
            for one in groups
        ]
        print_table("Dead letters", ("topic", "reason", "count", "last (UTC)", "last record", "detail"), rows_)
        out().print(f"One of them: ironstream dlq show {groups[0].last_id}", style="dim")


@app.command()
def show(
    record: Annotated[str, typer.Argument(metavar="RECORD", help="TOPIC/PARTITION/OFFSET, as `dlq list` names it.")],
    bootstrap: BootstrapOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show one dead letter: why it was refused, where it came from, its headers and its bytes.

    Example:

      ironstream dlq show dlq.invalid_telemetry/3/17
    """
    topic, partition, offset = _parse(record)
    settings = settings_of(bootstrap=bootstrap)
    found = run(_one(settings, topic, partition, offset), settings.bootstrap)
    if output is Output.JSON:
        print_json(as_json(topic, found))
        return
    headers = headers_of(found)
    console = out()
    console.print(f"{headers.get('dlq-reason')}: {headers.get('dlq-detail')}", style="bold red", markup=False)
    source = f"{headers.get('dlq-topic')}/{headers.get('dlq-partition')}/{headers.get('dlq-offset')}"
    console.print(f"from {source} at {headers.get('dlq-time')}, key {text_of(found.key)}", markup=False)
    if sink := headers.get(SINK_HEADER):
        console.print(f"refused by the target of sink {sink}", markup=False)
    print_table("Headers", ("name", "value"), headers.items())
    console.print("Value", style="italic")
    console.print(text_of(found.value) or "(none)", markup=False)


async def _read(
    settings: Settings, reason: str | None, sink: str | None, limit: int
) -> tuple[list[Refusals], list[tuple[str, Any]]]:
    groups: dict[tuple[str, str, str | None], Refusals] = {}
    records: list[tuple[str, Any]] = []
    async with LogReader(settings, TOPICS if sink is None else [Topic.DLQ_SINKS], missing_ok=True) as reader:
        await reader.to_beginning()
        with progress() as bar:
            task = bar.add_task("reading dead letters", total=None)
            async for record in reader.until_end(lambda done, total: bar.update(task, completed=done, total=total)):
                topic, headers = reader.topic_of(record), headers_of(record)
                why, of = headers.get("dlq-reason") or "unknown", headers.get(SINK_HEADER)
                if sink is not None and of != sink:
                    continue
                if reason is None:
                    group = groups.setdefault((topic, why, of), Refusals(topic, why, of))
                    group.add(record, headers.get("dlq-detail") or "")
                elif why == reason:
                    records.append((topic, record))
                    if len(records) > 20 * limit:
                        records = _newest(records, limit)
    return sorted(groups.values(), key=lambda one: (one.topic, -one.count)), _newest(records, limit)


def _newest(records: list[tuple[str, Any]], limit: int) -> list[tuple[str, Any]]:
    return sorted(records, key=lambda pair: pair[1].timestamp)[-limit:]


async def _one(settings: Settings, topic: str, partition: int, offset: int) -> Any:
    async with LogReader(settings, [topic]) as reader:
        tp = TopicPartition(settings.topic(topic), partition)
        if tp in reader.partitions:
            first = (await reader.consumer.beginning_offsets([tp]))[tp]
            end = (await reader.consumer.end_offsets([tp]))[tp]
            if first <= offset < end:
                reader.consumer.assign([tp])
                reader.consumer.seek(tp, offset)
                for record in await reader.poll(_READ_TIMEOUT_MS):
                    if record.offset == offset:
                        return record
    raise ConfigurationError(
        f"There is no record {topic}/{partition}/{offset}.", "`ironstream dlq list` names those that there are."
    )


def _parse(text: str) -> tuple[str, int, int]:
    topic, _, rest = text.partition("/")
    partition, _, offset = rest.partition("/")
    # the short form of the table leaves the common beginning of the names out
    topic = topic if topic.startswith("dlq.") else f"dlq.{topic}"
    if topic not in TOPICS or not partition.isdecimal() or not offset.isdecimal():
        raise ConfigurationError(
            f"{text!r} names no dead letter.", "Write TOPIC/PARTITION/OFFSET, as dlq.invalid_telemetry/3/17."
        )
    return topic, int(partition), int(offset)
