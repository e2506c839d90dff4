"""`ironstream check`: is topology.yaml fit for use?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from ironstream.commands.options import OutputOption, settings_of
from ironstream.commands.output import Output, out, print_json

if TYPE_CHECKING:
    from ironstream.topology import CheckResult
    from ironstream.topology.sources import Sources

_COLOURS = {"error": "bold red", "warning": "bold yellow"}


def check(
    file: Annotated[Path | None, typer.Argument(help="File to check [IRONSTREAM_TOPOLOGY, topology.yaml].")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Check topology.yaml and what it includes: every fault with file, line and how to mend it.

    Exit code 2 when the file cannot be used; warnings leave it usable.

    Examples:

      ironstream check

      ironstream check plant.yaml --output json
    """
    path = file or settings_of().topology
    # the models of adapters and sinks are costly to import, which every other command would pay for
    from adapters.registry import CONFIG_MODELS
    from ironstream.sinks.registry import SINKS
    from ironstream.topology import check_sources, read_sources
    from ironstream.topology.check import no_collection

    sources = read_sources(path)
    # all that is made lives as long as the command
    with no_collection():
        result = check_sources(sources, CONFIG_MODELS, SINKS, str(path.parent))
        _tell(path, sources, result, output)
    if result.topology is None:
        raise typer.Exit(2)


def _tell(path: Path, sources: Sources, result: CheckResult, output: Output) -> None:
    usable = result.topology is not None
    if output is Output.JSON:
        print_json({"file": str(path), "usable": usable, "faults": result.faults})
    else:
        lines_of = {
            str(path.parent / name): text.decode(errors="replace").splitlines() for name, text in sources.files.items()
        }
        console = out()
        for fault in result.faults:
            lines = lines_of[fault.filename]
            console.print(
                Text(f"{fault.filename}:{fault.line}:{fault.column}: ")
                + Text(fault.severity, style=_COLOURS[fault.severity])
                + Text(f": {fault.message}")
            )
            if 0 < fault.line <= len(lines):
                console.print(Text(f"    {lines[fault.line - 1].strip()}", style="dim"))
            if fault.mend:
                console.print(Text(f"    mend: {fault.mend}", style="green"))
        errors = len(result.errors)
        warnings = len(result.faults) - errors
        verdict = "can be used" if usable else "cannot be used"
        console.print(
            Text(f"{path} {verdict}", style="bold green" if usable else "bold red")
            + Text(f": {_many(errors, 'error')}, {_many(warnings, 'warning')}")
        )


def _many(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
