"""`ironstream alarms rules`: the alarm rules of topology.yaml as CSV and spreadsheets."""

from __future__ import annotations

import typer

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
from ironstream.commands.output import Output
from ironstream.topology.lists.changes import Mode

app = typer.Typer(no_args_is_help=True, help="Alarm rules as CSV and spreadsheets, a rule a row.")


@app.command("export")
def export_rules(file: TargetArgument = None, topology: TopologyOption = None) -> None:
    """Write the alarm rules as CSV or spreadsheet. An empty cell is the default of its field.

    Examples:

      ironstream alarms rules export rules.xlsx

      ironstream alarms rules export > rules.csv
    """
    export_settings(topology=topology)
    from adapters.registry import CONFIG_MODELS
    from ironstream.sinks.registry import SINKS
    from ironstream.topology import load_topology
    from ironstream.topology.model import Alarm

    plant = load_topology(settings_of().topology, CONFIG_MODELS, SINKS)
    export_list(plant.alarms, Alarm, file, "alarm rules")


@app.command("import")
def import_rules(
    file: FileArgument,
    write: WriteOption = False,
    mode: ModeOption = Mode.MERGE,
    topology: TopologyOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Check a list of alarm rules, and show what it would change in the topology, or change it.

    Every line at fault is named at once, and topology.yaml with the new rules must pass its check, before anything is
    changed. A rule is changed in the file that declares it, and a new one goes into topology.yaml; comments and all
    else in the files stay as they are. To delete, the ids are enough.

    Examples:

      ironstream alarms rules import rules.xlsx

      ironstream alarms rules import retired.csv --mode delete --write
    """
    export_settings(topology=topology)
    from ironstream.topology.model import Alarm

    path = settings_of().topology
    tree = tree_at(path)
    plan, listed = import_list(tree, tree.alarms(), Alarm, file, mode, "rule")
    if write and plan.changes:
        write_files(path, tree, plan)
    tell({"list": "alarms"}, path, plan, listed, written=write, output=output)
