"""`ironstream adapter tags`: lists of tags as CSV and spreadsheets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ironstream.commands.adapter_pipelines import pipeline_named
from ironstream.commands.lists import (
    FileArgument,
    ModeOption,
    TargetArgument,
    WriteOption,
    export_list,
    import_list,
    tell,
    tree_at,
    write_files,
)
from ironstream.commands.options import OutputOption, TopologyOption, export_settings, settings_of
from ironstream.commands.output import Output, err
from ironstream.errors import ConfigurationError
from ironstream.topology.lists.changes import Mode

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ironstream.gateway.adapter import AdapterKind
    from ironstream.topology.lists.places import Tree

app = typer.Typer(no_args_is_help=True, help="Lists of tags as CSV and spreadsheets.")
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Id of a pipeline of topology.yaml.")]


@app.command("export")
def export_tags(
    name: NameArgument,
    file: TargetArgument = None,
    topology: TopologyOption = None,
) -> None:
    """Write the tags of a pipeline as CSV or spreadsheet. An empty cell is the default of its field.

    Examples:

      ironstream adapter tags export pump-1-modbus pump-1.csv

      ironstream adapter tags export pump-1-modbus pump-1.xlsx
    """
    export_settings(topology=topology)
    from adapters.registry import ADAPTERS

    pipeline = pipeline_named(settings_of().topology, name)
    kind = ADAPTERS[pipeline.adapter]
    tags: Sequence[BaseModel] = getattr(kind.config_model.model_validate(pipeline.config), "tags")  # noqa: B009
    if not tags:
        err().print(f"{name} has no tags, what it reads stands elsewhere in its config: only the header is written")
    export_list(tags, kind.tag_model, file, "tags")


@app.command("import")
def import_tags(
    name: NameArgument,
    file: FileArgument,
    write: WriteOption = False,
    mode: ModeOption = Mode.MERGE,
    topology: TopologyOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Check a list of tags, and show what it would change in a pipeline of the topology, or change it.

    Every line at fault is named at once, and topology.yaml with the new tags must pass its check, before anything is
    changed. The file that declares the pipeline is changed, and comments and all else in it stay as they are. To
    delete, the names are enough.

    Examples:

      ironstream adapter tags import pump-1-modbus pump-1.csv

      ironstream adapter tags import pump-1-modbus pump-1.xlsx --mode overwrite --write
    """
    export_settings(topology=topology)
    from adapters.registry import ADAPTERS

    path = settings_of().topology
    tree = tree_at(path)
    kind = _kind_of(tree, name, ADAPTERS)
    plan, listed = import_list(tree, tree.tags_of(name), kind.tag_model, file, mode, "tag")
    if write and plan.changes:
        write_files(path, tree, plan)
    tell({"pipeline": name}, path, plan, listed, written=write, output=output)


def _kind_of(tree: Tree, name: str, adapters: Mapping[str, AdapterKind]) -> AdapterKind:
    """The kind of the pipeline's adapter; the tags in the file may be at fault, for the list may mend them."""
    node = tree.pipeline(name).child("adapter")
    adapter = None if node is None else node.value
    kind = adapters.get(str(adapter))
    if kind is None:
        raise ConfigurationError(
            f"{tree.shown(tree.sources.root)}: pipeline {name}: there is no adapter {adapter!r}.",
            f"There are: {', '.join(sorted(adapters))}.",
        )
    return kind
