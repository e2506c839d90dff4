"""`ironstream alarms`: what stands, and what operators do about it."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.text import Text

from ironstream.commands import alarm_rules
from ironstream.commands.options import BootstrapOption, OutputOption, length_of, settings_of
from ironstream.commands.output import Output, out, print_json, print_table, run
from ironstream.commands.tables import read_replica
from ironstream.contract import AlarmState, Severity
from ironstream.domain.alarms import Alarm
from ironstream.domain.times import to_iso, to_us
from ironstream.errors import ConfigurationError
from ironstream.operator import ANSWER_TIMEOUT_S, command_on, send_command
from ironstream.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Alarms: list them, acknowledge and shelve them, edit their rules.")
app.add_typer(alarm_rules.app, name="rules")

STATE_STYLES = {
    AlarmState.ACTIVE: "bold red",
    AlarmState.ACKNOWLEDGED: "yellow",
    AlarmState.CLEARED_UNACKED: "magenta",
    AlarmState.SUPPRESSED: "blue",
    AlarmState.CLEARED: "green",
}

AlarmArgument = Annotated[
    str, typer.Argument(metavar="ALARM", help="Id of the alarm, or a part of it that no other standing alarm has.")
]
ActorOption = Annotated[str | None, typer.Option("--actor", help="Who asks for it; your user name if left out.")]
CommentOption = Annotated[str | None, typer.Option("--comment", "-c", help="What whoever comes next should know.")]
ReasonOption = Annotated[str | None, typer.Option("--reason", "-r", help="Why.")]
TimeoutOption = Annotated[float, typer.Option(help="Seconds to wait for the answer.", min=0.1)]


@app.command("list")
def list_alarms(
    every: Annotated[bool, typer.Option("--all", "-a", help="Cleared ones too (of the last 30 days).")] = False,
    asset: Annotated[str | None, typer.Option(help="Only alarms whose id contains this.")] = None,
    bootstrap: BootstrapOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the alarms that stand, the gravest first, as of the agents' last commit (a few seconds ago at most).

    Examples:

      ironstream alarms list

      ironstream alarms list --all --asset pump-1 --output json
    """
    settings = settings_of(bootstrap=bootstrap)
    alarms = [
        alarm
        for alarm in run(_alarms(settings), settings.bootstrap)
        if (every or alarm.state != AlarmState.CLEARED) and (asset is None or asset in alarm.key.alarm_id)
    ]
    if output is Output.JSON:
        print_json([_as_json(alarm) for alarm in alarms])
    elif not alarms:
        out().print("No alarm stands." if not every else "No alarm is known.", style="green")
    else:
        print_table(f"{len(alarms)} alarms", ("state", "severity", "raised (UTC)", "count", "alarm", "message"),
                    [_row(alarm) for alarm in alarms])  # fmt: skip


@app.command()
def ack(
    alarm: AlarmArgument,
    comment: CommentOption = None,
    actor: ActorOption = None,
    timeout: TimeoutOption = ANSWER_TIMEOUT_S,
    bootstrap: BootstrapOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Acknowledge an alarm. Exit code 1 when that is refused, with why.

    Examples:

      ironstream alarms ack pump-1/overheat

      ironstream alarms ack acme/north-works/pump-1/overheat/rule:pump-overheat/temperature -c "on my way"
    """
    _command("ack", alarm, actor, bootstrap, timeout, output, comment=comment)


@app.command()
def shelve(
    alarm: AlarmArgument,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why it is shelved.")],
    comment: Annotated[str, typer.Option("--comment", "-c", help="What whoever comes next should know.")],
    length: Annotated[str | None, typer.Option("--for", help="How long: 30m, 8h, 2d.")] = None,
    until: Annotated[str | None, typer.Option(help="Until when (ISO-8601 with offset).")] = None,
    actor: ActorOption = None,
    timeout: TimeoutOption = ANSWER_TIMEOUT_S,
    bootstrap: BootstrapOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Shelve an alarm: silent for a time, or one-shot (without --for and --until) until it clears.

    Example:

      ironstream alarms shelve pump-1/overheat --for 8h --reason "bearing ordered" --comment "change on Friday"
    """
    if length and until:
        raise ConfigurationError("--for and --until exclude each other.", "Give one of them.")
    end = until_of(length, datetime.now(UTC)) if length else _checked(until)
    _command("shelve", alarm, actor, bootstrap, timeout, output, reason=reason, comment=comment, until=end)


@app.command()
def unshelve(
    alarm: AlarmArgument,
    reason: ReasonOption = None,
    comment: CommentOption = None,
    actor: ActorOption = None,
    timeout: TimeoutOption = ANSWER_TIMEOUT_S,
    bootstrap: BootstrapOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """End a shelving now: the alarm is ACTIVE again where its condition still holds, else CLEARED.

    Example:

      ironstream alarms unshelve pump-1/overheat
    """
    _command("unshelve", alarm, actor, bootstrap, timeout, output, reason=reason, comment=comment)


def until_of(length: str, now: datetime) -> str:
    """`now` and a length such as 30m, 8h or 2d, as ISO-8601. Raises ConfigurationError for what is no length."""
    return (now + length_of(length)).isoformat(timespec="seconds")


def choose(wanted: str, alarms: list[Alarm]) -> str:
    """The id of the one alarm that `wanted` names: its whole id, or a part that only one standing alarm has.

    Raises ConfigurationError that names the candidates.
    """
    ids = [alarm.key.alarm_id for alarm in alarms]
    if wanted in ids:
        return wanted
    standing = [alarm.key.alarm_id for alarm in alarms if alarm.state != AlarmState.CLEARED]
    found = [one for one in standing if wanted in one] or [one for one in ids if wanted in one]
    if len(found) == 1:
        return found[0]
    if not found:
        raise ConfigurationError(f"No alarm is named {wanted!r}.", "`ironstream alarms list --all` shows them all.")
    raise ConfigurationError(f"{wanted!r} fits {len(found)} alarms.", "Name one of:\n  " + "\n  ".join(found))


def _checked(until: str | None) -> str | None:
    if until is not None:
        try:
            to_us(until)
        except ValueError as error:
            raise ConfigurationError(f"--until: {error}.", "Write 2026-01-31T18:00:00Z, or use --for 8h.") from error
    return until


def _command(
    command: str, alarm: str, actor: str | None, bootstrap: str | None, timeout_s: float, output: Output, **fields: Any
) -> None:
    settings = settings_of(bootstrap=bootstrap)

    async def send() -> Any:
        # a whole id needs no look at the state, which lags by a commit
        whole = alarm if alarm.count("/") >= 5 else choose(alarm, await _alarms(settings))
        return await send_command(settings, command_on(whole, command, actor or getpass.getuser(), **fields), timeout_s)

    answer = run(send(), settings.bootstrap)
    accepted = answer.outcome == "accepted"
    if output is Output.JSON:
        print_json(answer)
    else:
        style = "bold green" if accepted else "bold red"
        why = f": {answer.reason}" if answer.reason else ""
        out().print(Text(answer.outcome, style=style) + Text(f" {command} {answer.alarm_id or alarm}{why}"))
    if not accepted:
        raise typer.Exit(1)


async def _alarms(settings: Settings) -> list[Alarm]:
    from tables.alarms import ALARMS

    replica = await read_replica(settings, "alarms")
    alarms = [ALARMS.unpack(value) for _, _, value in replica.scan(ALARMS.prefix)]
    return sorted(alarms, key=lambda alarm: (alarm.state == AlarmState.CLEARED, -alarm.severity, -alarm.raised_us))


def _as_json(alarm: Alarm) -> dict[str, Any]:
    key = alarm.key
    return {
        "alarm_id": key.alarm_id,
        "occurrence_id": alarm.occurrence_id,
        "state": alarm.state,
        "severity": Severity(alarm.severity).name,
        "tenant_id": key.tenant_id,
        "site_id": key.site_id,
        "asset_id": key.asset_id,
        "parameter": key.parameter,
        "type": key.type,
        "condition": alarm.condition,
        "count": alarm.count,
        "raised_at": to_iso(alarm.raised_us),
        "acked_at": _iso(alarm.acked_us),
        "acked_by": alarm.acked_by,
        "cleared_at": _iso(alarm.cleared_us),
        "shelved_until": _iso(alarm.shelf.until_ms * 1000) if alarm.shelf else None,
        "message": alarm.message,
        "value": alarm.value,
        "threshold": alarm.threshold,
        "unit": alarm.unit,
        "evidence": alarm.cause,
    }


def _row(alarm: Alarm) -> list[Any]:
    return [
        Text(alarm.state, style=STATE_STYLES[AlarmState(alarm.state)]),
        Severity(alarm.severity).name,
        to_iso(alarm.raised_us)[:19].replace("T", " "),
        alarm.count,
        alarm.key.alarm_id,
        alarm.message,
    ]


def _iso(us: int | None) -> str | None:
    return None if us is None else to_iso(us)
