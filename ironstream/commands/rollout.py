"""`ironstream apply`, `rollback`, `history`, `show`, `diff`: the topology that holds, and those before it."""

from __future__ import annotations

import asyncio
import difflib
import getpass
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from ironstream.commands.options import BootstrapOption, OutputOption, settings_of
from ironstream.commands.output import Output, out, print_error, print_json, print_table, run
from ironstream.errors import ConfigurationError
from ironstream.gateway.processes.topology_source import TopologyVersion
from ironstream.gateway.supervisor import stop_on_signal
from ironstream.rollout.audit import audited_change, hold_text
from ironstream.rollout.log import TopologyLog
from ironstream.rollout.records import Change, Version
from ironstream.settings import Settings
from ironstream.topics import ensure_topics, topic_specs
from ironstream.topology import Topology, TopologyError, parse_sources, read_sources
from ironstream.topology.sources import Sources

FileArgument = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="File to apply [IRONSTREAM_TOPOLOGY, topology.yaml].")
]
ReasonOption = Annotated[str, typer.Option("--reason", "-r", help="Why, for whoever reads the history.")]
AuthorOption = Annotated[str | None, typer.Option("--author", help="Who; your user name if left out.")]
VersionArgument = Annotated[int | None, typer.Argument(metavar="[VERSION]", help="Its number.")]


def apply(
    file: FileArgument = None,
    reason: ReasonOption = "",
    author: AuthorOption = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Stay, and apply the file each time that it changes, until Ctrl-C.")
    ] = False,
    bootstrap: BootstrapOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Have a topology file hold from now on, for everyone who follows the deployment's log; nothing is restarted.

    A file with faults is refused, and what runs goes on. Each distinct text is a version with a number, to which
    `ironstream rollback` goes back.

    Examples:

      ironstream apply

      ironstream apply plant.yaml --reason "limit of pump-7 lowered"

      ironstream apply --watch
    """
    settings = settings_of(bootstrap=bootstrap)
    path = file or settings.topology
    if watch:
        run(_apply_each(settings, path, _name(author)), settings.bootstrap)
        return
    sources = read_sources(path)
    topology = _checked(sources, path.parent)

    async def work() -> tuple[Change | None, Version]:
        async with _log(settings, topology) as log:
            return await hold_text(settings, log, sources, "apply", _name(author), reason)

    _tell(*run(work(), settings.bootstrap), output)


def rollback(
    version: VersionArgument = None,
    reason: ReasonOption = "",
    author: AuthorOption = None,
    bootstrap: BootstrapOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Go back to the version before this one, or to any that there was (`ironstream history`).

    Examples:

      ironstream rollback --reason "false alarms since noon"

      ironstream rollback 12
    """
    settings = settings_of(bootstrap=bootstrap)

    async def work() -> tuple[Change | None, Version]:
        async with _log(settings) as log:
            history = log.history
            holding = history.current
            wanted = history.before() if version is None else history.versions.get(version)
            if wanted is None or holding is None:
                known = ", ".join(map(str, sorted(history.versions))) or "none"
                what = "There is no version before this one." if version is None else f"There is no version {version}."
                raise ConfigurationError(what, f"There are: {known}.")
            if holding.version == wanted.number:
                return None, wanted
            # this release may have learned since what that one did wrong
            _checked(Sources.unpacked(wanted.packed), Path(f"version {wanted.number}"))
            change = await audited_change(
                settings, log, wanted.number, "rollback", _name(author), reason, holding.number
            )
            return change, wanted

    _tell(*run(work(), settings.bootstrap), output)


def history(bootstrap: BootstrapOption = None, output: OutputOption = Output.TABLE) -> None:
    """List the changes of the topology, the newest first: who, when, why.

    Examples:

      ironstream history

      ironstream history --output json
    """
    settings = settings_of(bootstrap=bootstrap)

    async def work() -> list[Change]:
        async with _log(settings) as log:
            return log.history.changes[::-1]

    changes = run(work(), settings.bootstrap)
    if output is Output.JSON:
        print_json(changes)
    elif not changes:
        out().print("No topology has been applied yet: the first worker takes its file, or `ironstream apply` does.")
    else:
        rows = [
            (one.number, one.version, one.action, one.time, one.author, one.reason or "", one.before) for one in changes
        ]
        print_table("", ("change", "version", "what", "time", "author", "reason", "before"), rows)


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
    sources = Sources.unpacked(found.packed)
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
    held, typed = Sources.unpacked(found.packed), read_sources(path)
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


async def _apply_each(settings: Settings, path: Path, author: str) -> None:
    # the models of adapters and sinks are costly to import, which every other command would pay for
    from adapters.registry import CONFIG_MODELS
    from ironstream.gateway.processes.settings import Supervision
    from ironstream.gateway.processes.topology_file import TopologyFile
    from ironstream.sinks.registry import SINKS

    times = Supervision()
    file = TopologyFile(path, CONFIG_MODELS, times.settle_s, sinks=SINKS)
    async with stop_on_signal() as stop:
        version: TopologyVersion | None = None
        while not stop.is_set():
            try:
                version = await (file.look() if file.current else file.load())
                if version is not None and file.sources is not None:
                    async with _log(settings, version.topology) as log:
                        _tell(*await hold_text(settings, log, file.sources, "apply", author, "the file has changed"))
            except TopologyError as error:
                print_error(error)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), times.topology_interval_s)


def _checked(sources: Sources, folder: Path) -> Topology:
    # the models of adapters and sinks are costly to import, which every other command would pay for
    from adapters.registry import CONFIG_MODELS
    from ironstream.sinks.registry import SINKS

    return parse_sources(sources, folder, CONFIG_MODELS, SINKS)


@asynccontextmanager
async def _log(settings: Settings, topology: Topology | None = None) -> AsyncIterator[TopologyLog]:
    sizes_s = [] if topology is None else [window.size_s for window in topology.windows]
    # a window that is new has a topic before anyone writes to it
    await ensure_topics(settings.kafka_client_kwargs(), topic_specs(settings, sizes_s), settings.replication)
    async with TopologyLog(settings) as log:
        yield log


async def _version(settings: Settings, number: int | None) -> Version:
    async with _log(settings) as log:
        found = log.history.version if number is None else log.history.versions.get(number)
        if found is None:
            known = ", ".join(map(str, sorted(log.history.versions))) or "none"
            raise ConfigurationError(
                "No topology holds yet." if number is None else f"There is no version {number}.",
                f"There are: {known}.",
            )
        return found


def _name(author: str | None) -> str:
    return author or getpass.getuser()


def _tell(change: Change | None, version: Version, output: Output = Output.TABLE) -> None:
    if output is Output.JSON:
        said: dict[str, Any] = {"version": version.number, "sha256": version.sha256, "change": change}
        print_json(said)
    elif change is None:
        out().print(f"Version {version.number} holds already: nothing changes.", style="green")
    else:
        before = "" if change.before is None else f", before it {change.before}"
        out().print(f"Version {version.number} holds now (change {change.number}{before}).", style="green")
