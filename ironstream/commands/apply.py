"""`ironstream apply`: a topology file holds from now on, for everyone who follows the deployment's log."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from ironstream.commands.apply_each import apply_each
from ironstream.commands.canary import canary_of
from ironstream.commands.losses import refuse_losses
from ironstream.commands.options import BootstrapOption, OutputOption, settings_of
from ironstream.commands.output import Output, run
from ironstream.commands.rollout_log import actor, open_log
from ironstream.commands.rollout_told import tell_applied, wait_for
from ironstream.commands.signals import stop_on_signals
from ironstream.errors import ConfigurationError
from ironstream.rollout.applying import apply_sources
from ironstream.rollout.canary import apply_canary
from ironstream.rollout.participants import Participants
from ironstream.topology import read_sources
from ironstream.versions import checked

FileArgument = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="File to apply [IRONSTREAM_TOPOLOGY, topology.yaml].")
]
ReasonOption = Annotated[str, typer.Option("--reason", "-r", help="Why, for whoever reads the history.")]
AuthorOption = Annotated[str | None, typer.Option("--author", help="Who; your user name if left out.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Stay until everybody has taken it, or said why not.")]
TimeoutOption = Annotated[float, typer.Option("--timeout", help="How long --wait waits, in seconds.", min=1)]


def apply(
    file: FileArgument = None,
    reason: ReasonOption = "",
    author: AuthorOption = None,
    wait: WaitOption = False,
    timeout: TimeoutOption = 120.0,
    accept_losses: Annotated[
        bool, typer.Option("--accept-losses", help="Apply it also where `ironstream plan` says that something is lost.")
    ] = False,
    gateway: Annotated[
        str | None,
        typer.Option("--gateway", help="Try it on this gateway alone, as a canary: its pipelines and their assets."),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Stay, and apply the file each time that it changes, until Ctrl-C.")
    ] = False,
    bootstrap: BootstrapOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Have a topology file hold from now on, for everyone who follows the deployment's log; nothing is restarted.

    All or nothing: a file with faults is refused, and so is one that a worker, gateway or sink could not take (a secret
    that it has not got, say). What runs goes on then. Each distinct text is a version with a number, to which
    `ironstream rollback` goes back. With --gateway all but that gateway's part stays as it is, until `ironstream
    promote`; when it does harm, it is taken back by itself. Exit code 1 when --wait ends before everybody has taken it.

    Examples:

      ironstream apply

      ironstream apply plant.yaml --reason "limit of pump-7 lowered" --wait

      ironstream apply --gateway gw-1

      ironstream apply --watch
    """
    settings = settings_of(bootstrap=bootstrap)
    path = file or settings.topology
    if watch and gateway is not None:
        raise ConfigurationError("A canary of a file that changes is not to be judged.", "Leave --watch or --gateway.")
    if watch:
        with stop_on_signals() as stop:
            watching = apply_each(settings, path, actor(author), stop, accept_losses=accept_losses)
            asyncio.run(watching)
        return
    sources = read_sources(path)
    topology = checked(sources, path.parent)

    async def work() -> None:
        # windows that are new wait for the promotion
        begun = topology if gateway is None else None
        async with open_log(settings, begun) as log, Participants(settings) as participants:
            if not accept_losses:
                refuse_losses(log, topology)
            if gateway is None:
                done = await apply_sources(settings, log, participants, sources, actor(author), reason)
            else:
                canary = canary_of(log.history, gateway, sources, topology, path.parent)
                done = await apply_canary(settings, log, participants, canary, actor(author), reason)
            tell_applied(done, output)
            if wait and (holding := log.history.current) is not None:
                await wait_for(holding, participants, settings, timeout, output)

    run(work(), settings.bootstrap)
