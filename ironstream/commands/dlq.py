"""`ironstream dlq`: what was refused, and why."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ironstream.commands.dlq_replay import newest_letters, parse_place, replay
from ironstream.commands.options import BootstrapOption, OutputOption, settings_of
from ironstream.commands.output import Output, clock, out, print_json, print_table, progress, run
from ironstream.contract import Topic
from ironstream.dead_letters import TOPICS
from ironstream.dead_letters.letter import reason_of
from ironstream.dead_letters.read import Refusals, count_letters, one_letter
from ironstream.dlq import SINK_HEADER
from ironstream.record_text import as_json, headers_of, text_of
from ironstream.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Dead letters: records that were refused, with the reason.")


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
    topic, partition, offset = parse_place(record)
    settings = settings_of(bootstrap=bootstrap)
    found = run(one_letter(settings, topic, partition, offset), settings.bootstrap)
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


app.command()(replay)


async def _read(
    settings: Settings, reason: str | None, sink: str | None, limit: int
) -> tuple[list[Refusals], list[tuple[str, Any]]]:
    topics = TOPICS if sink is None else (Topic.DLQ_SINKS,)

    def wanted(record: Any) -> bool:
        why, _, of = reason_of(record)
        return (sink is None or of == sink) and (reason is None or why == reason)

    if reason is None:
        with progress() as bar:
            task = bar.add_task("reading dead letters", total=None)
            counted = await count_letters(
                settings, topics, wanted, progress=lambda done, total: bar.update(task, completed=done, total=total)
            )
        return counted.refusals, []
    records: list[tuple[str, Any]] = []
    for topic in topics:
        records += [(topic, record) for record in await newest_letters(settings, topic, wanted, limit)]
    return [], sorted(records, key=lambda pair: pair[1].timestamp)[-limit:]
