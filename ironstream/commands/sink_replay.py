"""`ironstream sink replay`: a sink writes again what it has written, from an offset or a time on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import typer
from rich.text import Text

from ironstream.commands.options import BootstrapOption, OutputOption, TopologyOption, settings_of
from ironstream.commands.output import Output, err, out, print_json, print_table, progress, run
from ironstream.commands.sink_named import NameArgument, NamedSink, sink_named
from ironstream.domain.times import to_us
from ironstream.errors import ConfigurationError
from ironstream.settings import Settings
from ironstream.sinks.group import Move, Place, Standing, group_of, moves_to
from ironstream.sinks.groups import SinkGroups

_OFFSET: Final = re.compile(r"([A-Za-z0-9._-]+):(\d{1,9}):(\d{1,18})")


@dataclass(frozen=True, slots=True)
class Start:
    """Where a replay starts: at named offsets, at a time (ms since the epoch), or, without both, at the beginning."""

    offsets: Mapping[Place, int]
    time_ms: int | None
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay does, or would do. `members` are those of the group, which keep it from being done."""

    moves: list[Move]
    members: list[str]
    done: bool

    @property
    def again(self) -> int:
        """Records that are written again."""
        return sum(move.again for move in self.moves)


def replay(
    name: NameArgument,
    from_offset: Annotated[
        list[str] | None,
        typer.Option(metavar="TOPIC:PARTITION:OFFSET", help="From this record of this partition; may be repeated."),
    ] = None,
    from_time: Annotated[
        str | None, typer.Option(metavar="TIME", help="What came at this time or later; ISO-8601 with offset.")
    ] = None,
    from_beginning: Annotated[bool, typer.Option("--from-beginning", help="All that Kafka still has.")] = False,
    topics: Annotated[
        list[str] | None, typer.Option("--topic", help="Only this topic of the sink; may be repeated.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    bootstrap: BootstrapOption = None,
    topology: TopologyOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Set a stopped sink back, so that it writes again what it has written since.

    Nothing is doubled: a record has the id it had, and takes the place of what is there. Offsets only go back, never
    past what was not written yet. Refused while the sink runs.

    Examples:

      ironstream sink replay archive --from-time 2026-11-21T06:00:00Z --dry-run

      ironstream sink replay archive --from-offset telemetry.clean:3:1500 --from-offset telemetry.clean:4:0

      ironstream sink replay archive --from-beginning --topic alarms.clean
    """
    if sum((bool(from_offset), from_time is not None, from_beginning)) != 1:
        raise ConfigurationError(
            "Where the replay starts is not told, or in two ways.",
            "Give one of --from-offset TOPIC:PARTITION:OFFSET, --from-time TIME and --from-beginning.",
        )
    settings = settings_of(bootstrap=bootstrap, topology=topology)
    sink = sink_named(settings, name)
    start = start_of(sink.topics, from_offset or [], from_time, topics or [])
    group = group_of(settings.application_id, name)
    done = run(_replay(settings, sink, group, start, dry_run=dry_run), settings.bootstrap)
    if output is Output.JSON:
        print_json(
            {
                "id": name,
                "group": group,
                "dry_run": dry_run,
                "done": done.done,
                "members": done.members,
                "records_again": done.again,
                "partitions": [
                    {
                        "topic": move.standing.topic,
                        "partition": move.standing.partition,
                        "old": move.standing.next,
                        "new": move.new,
                        "again": move.again,
                        "deleted": move.new - move.wanted,
                    }
                    for move in done.moves
                ],
            }
        )
    else:
        _print(name, done)


def start_of(own: Sequence[str], from_offset: Sequence[str], from_time: str | None, topics: Sequence[str]) -> Start:
    """Where a replay of a sink that gets the topics `own` starts. Raises ConfigurationError naming every fault."""
    faults = []
    offsets: dict[Place, int] = {}
    for text in from_offset:
        match = _OFFSET.fullmatch(text)
        if match is None:
            faults.append(f"{text!r} is not TOPIC:PARTITION:OFFSET, such as telemetry.clean:3:1500.")
            continue
        place = match[1], int(match[2])
        if place in offsets:
            faults.append(f"{match[1]}:{match[2]} has two offsets.")
        offsets[place] = int(match[3])
    if offsets and topics:
        faults.append("--topic is for --from-time and --from-beginning: --from-offset names its topic itself.")
    named = [*topics, *(topic for topic, _ in offsets)]
    faults += [
        f"The sink does not get {topic!r}, only {', '.join(own)}." for topic in dict.fromkeys(named) if topic not in own
    ]
    time_ms = None
    if from_time is not None:
        try:
            # rounded down: what came within that ms is not left out
            time_ms = to_us(from_time) // 1000
        except ValueError as error:
            faults.append(f"--from-time: {error}.")
    if faults:
        raise ConfigurationError("\n".join(faults), "`ironstream sink replay --help` shows examples.")
    return Start(offsets, time_ms, tuple(topics) or tuple(dict.fromkeys(named)) or tuple(own))


async def _replay(settings: Settings, sink: NamedSink, group: str, start: Start, *, dry_run: bool) -> Replay:
    async with SinkGroups(settings, start.topics) as groups:
        with progress() as bar:
            bar.add_task("looking at offsets", total=None)
            standings = await groups.standings(group, start.topics)
            wanted = await _wanted(groups, start, standings)
            moves = moves_to(standings, wanted, exact=bool(start.offsets))
            members = await groups.members(group)
        if moves and not dry_run:
            await groups.set_back(
                sink.part.id, group, {(move.standing.topic, move.standing.partition): move.new for move in moves}
            )
        return Replay(moves, members, done=bool(moves) and not dry_run)


async def _wanted(groups: SinkGroups, start: Start, standings: Sequence[Standing]) -> Mapping[Place, int]:
    if start.offsets:
        return start.offsets
    if start.time_ms is not None:
        return await groups.offsets_since(start.topics, start.time_ms)
    return {(at.topic, at.partition): at.first for at in standings}


def _print(name: str, done: Replay) -> None:
    if not done.moves:
        out().print(f"{name} has written nothing since then: it stands there or before.", markup=False)
        return
    rows = [
        (move.standing.topic, move.standing.partition, move.standing.next, move.new, move.again) for move in done.moves
    ]
    print_table("", ("topic", "partition", "old offset", "new offset", "written again"), rows)
    for move in done.moves:
        if move.wanted < move.new:
            at = f"{move.standing.topic}:{move.standing.partition}"
            err().print(Text("note: ", style="yellow") + Text(f"{at}: Kafka has deleted what was before {move.new}"))
    console = out()
    records = f"{done.again:,} record{'' if done.again == 1 else 's'}"
    if done.done:
        console.print(Text(f"{name} writes {records} again once it runs; nothing is doubled.", style="bold green"))
        return
    console.print(Text(f"{name} would write {records} again; nothing is doubled.", style="bold"))
    if done.members:
        err().print(Text("note: ", style="yellow") + Text(f"it is running ({', '.join(done.members)}): stop it first"))
