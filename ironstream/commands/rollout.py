"""`ironstream rollback`, `history`, `show`, `diff`: the topology that holds, and those before it."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from ironstream.commands.apply import AuthorOption, ReasonOption, TimeoutOption, WaitOption
from ironstream.commands.canary import sources_of
from ironstream.commands.options import BootstrapOption, OutputOption, settings_of
from ironstream.commands.output import Output, out, print_json, print_table, run
from ironstream.commands.rollout_log import actor, open_log, version_of
from ironstream.commands.rollout_told import tell, wait_for
from ironstream.errors import ConfigurationError
from ironstream.rollout.going_back import go_back
from ironstream.rollout.participants import Participants
from ironstream.rollout.records import Change, Version
from ironstream.settings import Settings
from ironstream.topology import read_sources
from ironstream.versions import checked_version

VersionArgument = Annotated[int | None, typer.Argument(metavar="[VERSION]", help="Its number.")]


def rollback(
    version: VersionArgument = None,
    reason: ReasonOption = "",
    author: AuthorOption = None,
    wait: WaitOption = False,
    timeout: TimeoutOption = 120.0,
    bootstrap: BootstrapOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Go back to the version before this one, or to any that there was (`ironstream history`).

    Examples:

      ironstream rollback --reason "false alarms since noon"

      ironstream rollback 12
    """
    settings = settings_of(bootstrap=bootstrap)

    async def work() -> None:
        async with open_log(settings) as log:
            change, wanted = await go_back(settings, log, version, actor(author), reason, _check)
            tell(change, wanted, output)
            if wait and (holding := log.history.current) is not None:
                async with Participants(settings) as participants:
                    await wait_for(holding, participants, settings, timeout, output)

    run(work(), settings.bootstrap)


async def _check(version: Version) -> None:
    checked_version(version)


def history(bootstrap: BootstrapOption = None, output: OutputOption = Output.TABLE) -> None:
    """List the changes of the topology, the newest first: who, when, why.

    Examples:

      ironstream history

      ironstream history --output json
    """
    settings = settings_of(bootstrap=bootstrap)

    async def work() -> list[tuple[Change, Version]]:
        async with open_log(settings) as log:
            return [(change, log.history.versions[change.version]) for change in reversed(log.history.changes)]

    changes = run(work(), settings.bootstrap)
    if output is Output.JSON:
        print_json([_as_json(*one) for one in changes])
    elif not changes:
        out().print("No topology has been applied yet: the first worker takes its file, or `ironstream apply` does.")
    else:
        rows = [
            (one.number, one.version, _what(one, version), one.time, one.author, one.reason or "", one.before)
            for one, version in changes
        ]
        print_table("", ("change", "version", "what", "time", "author", "reason", "before"), rows)


def _as_json(change: Change, version: Version) -> dict[str, Any]:
    canary = {"gateway": version.gateway, "candidate": version.candidate} if version.gateway is not None else {}
    fields: dict[str, Any] = msgspec.to_builtins(change)
    return fields | canary


def _what(change: Change, version: Version) -> str:
    if version.gateway is None:
        return change.action
    return f"{change.action} of {version.candidate} on {version.gateway}"


def show(
    version: VersionArgument = None,
    file: Annotated[str | None, typer.Option("--file", help="One of its files, where it includes others.")] = None,
    bootstrap: BootstrapOption = None,
) -> None:
    """Print a version of the topology as it was written; the one that holds if none is named.

    Examples:

      ironstream show > topology.yaml

      ironstream show 12

      ironstream show --file assets/pumps.yaml
    """
    settings = settings_of(bootstrap=bootstrap)
    found = run(_version(settings, version), settings.bootstrap)
    sources = sources_of(found)
    text = sources.files.get(file or sources.root)
    if text is None:
        known = ", ".join(sorted(sources.files))
        raise ConfigurationError(f"Version {found.number} has no file {file}.", f"It has {known}.")
    sys.stdout.write(text.decode())


def diff(
    version: VersionArgument = None,
    file: Annotated[Path | None, typer.Option("--file", help="File to compare with [topology.yaml].")] = None,
    bootstrap: BootstrapOption = None,
) -> None:
    """Show how the topology file differs from a version; from the one that holds if none is named.

    Examples:

      ironstream diff

      ironstream diff 12 --file plant.yaml
    """
    settings = settings_of(bootstrap=bootstrap)
    path = file or settings.topology
    found = run(_version(settings, version), settings.bootstrap)
    held, typed = sources_of(found), read_sources(path)
    # what the first file is called may differ: it is the same file all the same
    there = {"": held.text} | {name: text for name, text in held.files.items() if name != held.root}
    here = {"": typed.text} | {name: text for name, text in typed.files.items() if name != typed.root}
    for name in sorted(there.keys() | here.keys()):
        lines = difflib.unified_diff(
            there.get(name, b"").decode().splitlines(keepends=True),
            here.get(name, b"").decode(errors="replace").splitlines(keepends=True),
            f"version {found.number} {name}".rstrip(),
            str(path.parent / name if name else path),
        )
        sys.stdout.writelines(lines)


async def _version(settings: Settings, number: int | None) -> Version:
    async with open_log(settings) as log:
        return version_of(log.history, number)
