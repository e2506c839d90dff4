"""`ironstream promote`: what one gateway tries holds for everyone."""

from __future__ import annotations

from ironstream.commands.apply import AuthorOption, ReasonOption, TimeoutOption, WaitOption
from ironstream.commands.options import BootstrapOption, OutputOption, settings_of
from ironstream.commands.output import Output, run
from ironstream.commands.rollout_log import actor, ensure_topics_of, open_log
from ironstream.commands.rollout_told import tell_applied, wait_for
from ironstream.rollout.beside import candidate_of
from ironstream.rollout.canary import promote_canary
from ironstream.rollout.participants import Participants
from ironstream.versions import checked_version


def promote(
    reason: ReasonOption = "",
    author: AuthorOption = None,
    wait: WaitOption = False,
    timeout: TimeoutOption = 120.0,
    bootstrap: BootstrapOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Have the topology that one gateway tries (`ironstream apply --gateway`) hold for everyone.

    Examples:

      ironstream promote --reason "a day on gw-1, all well" --wait
    """
    settings = settings_of(bootstrap=bootstrap)

    async def work() -> None:
        async with open_log(settings) as log, Participants(settings) as participants:
            canary = log.history.version
            if canary is not None and canary.gateway is not None:
                topology = checked_version(candidate_of(log.history, canary))
                await ensure_topics_of(settings, topology)
            done = await promote_canary(settings, log, participants, actor(author), reason)
            tell_applied(done, output)
            if wait and (holding := log.history.current) is not None:
                await wait_for(holding, participants, settings, timeout, output)

    run(work(), settings.bootstrap)
