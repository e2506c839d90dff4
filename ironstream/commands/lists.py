"""What the commands for lists share: reading and writing CSV and spreadsheets, and showing what a list would change."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.text import Text

from ironstream.commands.output import Output, err, out, print_json, progress
from ironstream.errors import ConfigurationError
from ironstream.topology.lists.changes import Changes, Mode, changes_of, names_of, without

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ironstream.topology.lists.places import ListPlace, Tree
    from ironstream.topology.lists.plan import ImportPlan
    from ironstream.topology.lists.rows import Row

_MAX_BYTES: Final = 64 * 1024 * 1024
_NAMES_SHOWN: Final = 20
_EVERY: Final = 100
"""Lines between two movements of the progress bar."""
SHEET: Final = ".xlsx"

ModeOption = Annotated[
    Mode,
    typer.Option(
        help="create: add, and refuse what is there. delete: remove those named. overwrite: the file is the whole"
        " list. merge: add and change, and leave the rest."
    ),
]
WriteOption = Annotated[bool, typer.Option("--write", help="Change topology.yaml; else only show what would change.")]
FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="CSV file or spreadsheet (.xlsx, its first sheet) with a header.")
]
TargetArgument = Annotated[
    Path | None, typer.Argument(help="File to write, CSV or by its name .xlsx; left out: CSV to stdout.")
]


def export_list(values: Sequence[BaseModel], model: type[BaseModel], file: Path | None, title: str) -> None:
    """Write a list into a file, by its name a spreadsheet or a CSV, or as CSV to stdout. Raises ConfigurationError."""
    from ironstream.topology.lists.columns import columns_of
    from ironstream.topology.lists.entries import entries_to_csv, rows_of

    if file is not None and file.suffix.lower() == SHEET:
        from ironstream.topology.lists.sheet import rows_to_sheet

        data = rows_to_sheet(columns_of(model), rows_of(values, model), title)
    else:
        text = entries_to_csv(values, model)
        if file is None:
            sys.stdout.write(text)
            return
        # spreadsheets take a file for UTF-8 only when it says so: else `°C` would come back as something else
        data = text.encode("utf-8" if text.isascii() else "utf-8-sig")
    try:
        file.write_bytes(data)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}", "Name another file.") from error


def import_list(
    tree: Tree, place: ListPlace, model: type[BaseModel], file: Path, mode: Mode, word: str
) -> tuple[ImportPlan, int]:
    """What the list in `file` makes of the topology `tree`, and how many entries it has.

    Raises ConfigurationError naming every fault by its line and column.
    """
    from adapters.registry import CONFIG_MODELS
    from ironstream.sinks.registry import SINKS
    from ironstream.topology.lists.entries import read_entries, read_names
    from ironstream.topology.lists.plan import plan_import

    rows, count = _rows_in(file)
    with progress() as bar:
        reading = bar.add_task(f"reading {file.name}", total=count)

        def moved(line: int) -> None:
            if line % _EVERY == 0:
                bar.update(reading, completed=line)

        if mode is Mode.DELETE:
            named = read_names(rows, model, names_of(model), filename=str(file))
            listed = len(named)
        else:
            entries = read_entries(rows, model, filename=str(file), on_line=moved)
            listed = len(entries)
        if not listed:
            raise ConfigurationError(f"{file} has no {word}s.", "Write at least one line below the header.")
        bar.update(reading, total=listed, completed=listed)
        bar.add_task(f"checking {tree.sources.root} with them", total=None)

        def changes(current: Sequence[Any]) -> Changes:
            if mode is Mode.DELETE:
                return without(current, named, model, str(file), word)
            return changes_of(current, entries, model, str(file), mode, word)

        made = plan_import(tree, place, changes, str(file), models=CONFIG_MODELS, sinks=SINKS)
        return made, listed


def tree_at(path: Path) -> Tree:
    """The topology file with those that it includes. Raises TopologyError."""
    from ironstream.topology import read_sources
    from ironstream.topology.lists.places import Tree

    return Tree(read_sources(path), str(path.parent))


def write_files(path: Path, tree: Tree, plan: ImportPlan) -> None:
    """Put the changed files in the place of those that were read. Raises ConfigurationError when one cannot be."""
    from ironstream.topology.write import Replacement, replace_files

    replace_files(
        [Replacement(path.parent / name, data, tree.sources.files[name]) for name, data in plan.files.items()]
    )


def tell(subject: dict[str, str], path: Path, plan: ImportPlan, listed: int, *, written: bool, output: Output) -> None:
    """Say what was changed, or would be; `subject` names the list for JSON."""
    changes = plan.changes
    if output is Output.JSON:
        print_json(
            {
                **subject,
                "file": str(path),
                "files": [str(path.parent / name) for name in plan.files],
                "listed": listed,
                "written": written and bool(changes),
                "added": changes.added,
                "changed": changes.changed,
                "removed": changes.removed,
                "unchanged": changes.unchanged,
                "differences": {
                    key: {one.field: {"before": one.before, "after": one.after} for one in fields}
                    for key, fields in changes.differences.items()
                },
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
    for key in changes.changed[:_NAMES_SHOWN]:
        told = ", ".join(map(str, changes.differences[key]))
        console.print(Text(f"  {key}: ", style="yellow") + Text(told))
    for warning in plan.warnings[:_NAMES_SHOWN]:
        err().print(Text("warning: ", style="bold yellow") + Text(str(warning).replace(" warning:", "", 1)))
    if len(plan.warnings) > _NAMES_SHOWN:
        err().print(Text(f"{len(plan.warnings) - _NAMES_SHOWN:,} more warnings: `ironstream check`", style="yellow"))
    if not changes:
        console.print(f"{path} has this list already", markup=False)
    elif written:
        for name in plan.files:
            console.print(Text(f"{path.parent / name} is written", style="bold green"))
    else:
        console.print(Text("Nothing is written yet: --write does it.", style="bold"))


def bytes_of(path: Path, what: str) -> bytes:
    """The bytes of a file of bounded size. Raises ConfigurationError."""
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}", f"Name {what}.") from error
    if len(data) > _MAX_BYTES:
        raise ConfigurationError(f"{path} is larger than {_MAX_BYTES >> 20} MiB.", "Split the list.")
    return data


def _rows_in(file: Path) -> tuple[Iterator[Row], int]:
    """The rows of a file, and about how many there are."""
    data = bytes_of(file, "a CSV file or a spreadsheet")
    if file.suffix.lower() == SHEET:
        from ironstream.topology.lists.sheet import sheet_rows

        rows = list(sheet_rows(data, str(file)))
        return iter(rows), len(rows)
    from ironstream.topology.lists.rows import csv_rows

    text = _text_of(file, data)
    return csv_rows(text, f"{file}:"), text.count("\n")


def _text_of(file: Path, data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigurationError(f"{file} is UTF-16.", "Save it as `CSV UTF-8`.")
    if data.startswith(b"PK\x03\x04") or data.startswith(b"\xd0\xcf\x11\xe0"):
        raise ConfigurationError(f"{file} is a spreadsheet and no CSV.", f"Save it as a workbook named …{SHEET}.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"{file}:{line}: byte 0x{data[error.start]:02x} is not UTF-8.", "Save it as `CSV UTF-8`."
        ) from None
