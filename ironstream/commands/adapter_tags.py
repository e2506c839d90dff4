"""`ironstream adapter tags`: lists of tags as CSV, for spreadsheets."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.text import Text

from ironstream.commands.adapter_pipelines import pipeline_named
from ironstream.commands.options import OutputOption, TopologyOption, export_settings, settings_of
from ironstream.commands.output import Output, err, out, print_json, progress
from ironstream.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ironstream.gateway.adapter import AdapterKind
    from ironstream.gateway.tag_import import ImportPlan

_MAX_BYTES: Final = 64 * 1024 * 1024
_NAMES_SHOWN: Final = 20
_EVERY: Final = 100
"""Lines between two movements of the progress bar."""


class Mode(StrEnum):
    """What becomes of tags that the file does not name."""

    MERGE = "merge"
    OVERWRITE = "overwrite"


app = typer.Typer(no_args_is_help=True, help="Lists of tags as CSV, for spreadsheets.")
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Id of a pipeline of topology.yaml.")]


@app.command("export")
def export_tags(
    name: NameArgument,
    file: Annotated[Path | None, typer.Argument(help="CSV file to write; left out: stdout.")] = None,
    topology: TopologyOption = None,
) -> None:
    """Write the tags of a pipeline as CSV. An empty cell is the default of its field.

    Example:

      ironstream adapter tags export pump-1-modbus pump-1.csv
    """
    export_settings(topology=topology)
    from adapters.registry import ADAPTERS
    from ironstream.gateway.tags_csv import tags_to_csv

    pipeline = pipeline_named(settings_of().topology, name)
    kind = ADAPTERS[pipeline.adapter]
    tags: Sequence[BaseModel] = getattr(kind.config_model.model_validate(pipeline.config), "tags")  # noqa: B009
    text = tags_to_csv(tags, kind.tag_model)
    if not tags:
        err().print(f"{name} has no tags, what it reads stands elsewhere in its config: only the header is written")
    if file is None:
        sys.stdout.write(text)
        return
    try:
        # spreadsheets take a file for UTF-8 only when it says so: else `°C` would come back as something else
        file.write_bytes(text.encode("utf-8" if text.isascii() else "utf-8-sig"))
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}", "Name another file.") from error


@app.command("import")
def import_tags(
    name: NameArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV file with a header.")],
    write: Annotated[
        bool, typer.Option("--write", help="Change topology.yaml; else only show what would change.")
    ] = False,
    mode: Annotated[
        Mode, typer.Option(help="Tags that the file does not name stay (merge), or are removed (overwrite).")
    ] = Mode.MERGE,
    topology: TopologyOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Check a CSV of tags, and show what it would change in a pipeline of topology.yaml, or change it.

    Every line at fault is named at once, and topology.yaml with the new tags must pass its check, before anything is
    changed. Comments and all else in topology.yaml stay as they are.

    Examples:

      ironstream adapter tags import pump-1-modbus pump-1.csv

      ironstream adapter tags import pump-1-modbus pump-1.csv --mode overwrite --write
    """
    export_settings(topology=topology)
    from adapters.registry import ADAPTERS, CONFIG_MODELS
    from ironstream.gateway.tag_import import plan_import
    from ironstream.gateway.tags_csv import tags_from_csv
    from ironstream.sinks.registry import SINKS
    from ironstream.topology.write import replace_file

    path = settings_of().topology
    data = _bytes_of(path, "topology.yaml")
    kind = _kind_of(data, path, name, ADAPTERS)
    text = _text_of(file)
    with progress() as bar:
        reading = bar.add_task(f"reading {file.name}", total=text.count("\n"))
        listed = tags_from_csv(
            text,
            kind.tag_model,
            filename=str(file),
            on_line=lambda line: bar.update(reading, completed=line) if line % _EVERY == 0 else None,
        )
        if not listed:
            raise ConfigurationError(f"{file} has no tags.", "Write at least one line below the header.")
        bar.update(reading, total=len(listed), completed=len(listed))
        bar.add_task(f"checking {path.name} with them", total=None)
        plan = plan_import(
            data,
            str(path),
            name,
            listed,
            str(file),
            models=CONFIG_MODELS,
            sinks=SINKS,
            tag_model=kind.tag_model,
            remove_others=mode is Mode.OVERWRITE,
        )
    if write and plan.changes:
        replace_file(path, plan.data, data)
    _tell(name, path, plan, len(listed), written=write, output=output)


def _kind_of(data: bytes, path: Path, name: str, adapters: Mapping[str, AdapterKind]) -> AdapterKind:
    """The kind of the pipeline's adapter; the tags in the file may be at fault, for the list may mend them."""
    from ironstream.topology.load import load

    root, faults = load(data, str(path))
    if root is None:
        raise ConfigurationError("\n".join(map(str, faults)), "Mend the lines above.")
    pipelines = root.data().get("pipelines")
    named = (
        {p.get("id"): p.get("adapter") for p in pipelines if isinstance(p, dict)} if isinstance(pipelines, list) else {}
    )
    if name not in named:
        raise ConfigurationError(
            f"{path} has no pipeline {name}.", f"There are: {', '.join(map(str, named)) or 'none'}."
        )
    kind = adapters.get(str(named[name]))
    if kind is None:
        raise ConfigurationError(
            f"{path}: pipeline {name}: there is no adapter {named[name]!r}.",
            f"There are: {', '.join(sorted(adapters))}.",
        )
    return kind


def _tell(name: str, path: Path, plan: ImportPlan, listed: int, *, written: bool, output: Output) -> None:
    changes = plan.changes
    if output is Output.JSON:
        print_json(
            {
                "pipeline": name,
                "file": str(path),
                "listed": listed,
                "written": written and bool(changes),
                "added": changes.added,
                "changed": changes.changed,
                "removed": changes.removed,
                "unchanged": changes.unchanged,
                "warnings": plan.warnings,
            }
        )
        return
    console = out()
    for word, keys, colour in (
        ("added", changes.added, "green"), ("changed", changes.changed, "yellow"), ("removed", changes.removed, "red"),
    ):  # fmt: skip
        more = f" and {len(keys) - _NAMES_SHOWN:,} more" if len(keys) > _NAMES_SHOWN else ""
        names = f": {', '.join(keys[:_NAMES_SHOWN])}{more}" if keys else ""
        console.print(Text(f"{len(keys):,} {word}", style=colour if keys else "dim") + Text(names))
    console.print(Text(f"{changes.unchanged:,} unchanged", style="dim"))
    for warning in plan.warnings[:_NAMES_SHOWN]:
        err().print(Text("warning: ", style="bold yellow") + Text(str(warning).replace(" warning:", "", 1)))
    if len(plan.warnings) > _NAMES_SHOWN:
        err().print(Text(f"{len(plan.warnings) - _NAMES_SHOWN:,} more warnings: `ironstream check`", style="yellow"))
    if not changes:
        console.print(f"{path} has these tags already", markup=False)
    elif written:
        console.print(Text(f"{path} is written", style="bold green"))
    else:
        console.print(Text("Nothing is written yet: --write does it.", style="bold"))


def _text_of(file: Path) -> str:
    data = _bytes_of(file, "a CSV file")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigurationError(f"{file} is UTF-16.", "Save it as `CSV UTF-8`.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"{file}:{line}: byte 0x{data[error.start]:02x} is not UTF-8.", "Save it as `CSV UTF-8`."
        ) from None


def _bytes_of(path: Path, what: str) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}", f"Name {what}.") from error
    if len(data) > _MAX_BYTES:
        raise ConfigurationError(f"{path} is larger than {_MAX_BYTES >> 20} MiB.", "Split the list.")
    return data
