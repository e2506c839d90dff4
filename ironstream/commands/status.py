"""`ironstream status`: who follows the topology, and what each of them holds."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from ironstream.commands.options import BootstrapOption, OutputOption, settings_of
from ironstream.commands.output import Output, out, print_json, print_table, run
from ironstream.commands.rollout_log import open_log
from ironstream.rollout.participants import Participants
from ironstream.rollout.records import Change
from ironstream.rollout.statuses import AWAY_S, Status
from ironstream.settings import Settings


def status(bootstrap: BootstrapOption = None, output: OutputOption = Output.TABLE) -> None:
    """Show the workers, gateways and sinks that are there, and which version of the topology each has.

    Who has said nothing for 16 s is not there.

    Examples:

      ironstream status

      ironstream status --output json
    """
    settings = settings_of(bootstrap=bootstrap)
    holding, present = run(_asked(settings), settings.bootstrap)
    if output is Output.JSON:
        print_json({"holds": holding, "participants": present})
        return
    if holding is None:
        out().print("No topology has been applied yet.", style="yellow")
    else:
        out().print(f"Version {holding.version} holds since {holding.time} ({holding.action} by {holding.author}).")
    if present:
        print_table("", ("who", "version", "state"), [_row(one, holding) for one in present])
    else:
        out().print(f"Nobody who follows it has been there in the last {AWAY_S:.0f} s.", style="yellow")


async def _asked(settings: Settings) -> tuple[Change | None, list[Status]]:
    async with open_log(settings) as log, Participants(settings) as participants:
        return log.history.current, participants.present


def _row(one: Status, holding: Change | None) -> tuple[Any, ...]:
    if one.refused is not None:
        state = Text(f"refuses: {one.refused}", style="red")
    elif holding is None or one.is_done_with(holding.number):
        state = Text("has it", style="green")
    else:
        state = Text("on its way" + (f": {one.on} of {one.of} partitions" if one.of else ""), style="yellow")
    return one.participant, one.version, state
