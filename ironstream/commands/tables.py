"""`ironstream tables`: the agents' state, read from their changelogs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ironstream.commands.options import BootstrapOption, OutputOption, settings_of
from ironstream.commands.output import Output, out, print_json, print_table, progress, run
from ironstream.engine.replica import Replica
from ironstream.errors import ConfigurationError
from ironstream.settings import Settings
from ironstream.topics import STATEFUL_AGENTS, changelog_topic

_WIDE = 16
"""A table of more columns than this is shown one row a block."""

app = typer.Typer(
    no_args_is_help=True,
    help="State of the agents as of their last commits, read from Kafka: of any worker.",
)


@app.command("list")
def list_tables(bootstrap: BootstrapOption = None, output: OutputOption = Output.TABLE) -> None:
    """List the tables with their number of rows.

    Example:

      ironstream tables list
    """
    from tables.views import VIEWS

    settings = settings_of(bootstrap=bootstrap)
    replicas = run(_read(settings, STATEFUL_AGENTS), settings.bootstrap)
    rows = [
        {"table": view.name, "agent": view.agent, "rows": len(list(replicas[view.agent].scan(view.prefix))),
         "description": view.description}
        for view in VIEWS
    ]  # fmt: skip
    if output is Output.JSON:
        print_json(rows)
    else:
        print_table("Tables", ("table", "agent", "rows", "what it holds"), [list(row.values()) for row in rows])


@app.command()
def get(
    table: Annotated[str, typer.Argument(help="Name of a table, see `tables list`.")],
    key: Annotated[
        str | None, typer.Argument(help="Only rows whose key begins with this: acme/north-works/pump-1/temperature.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many rows.")] = 100,
    bootstrap: BootstrapOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show the rows of a table, decoded. Exit code 1 when there is none.

    Examples:

      ironstream tables get series acme/north-works/pump-1/temperature

      ironstream tables get windows acme/north-works/tank-1 --output json
    """
    from tables.views import VIEWS

    view = next((view for view in VIEWS if view.name == table), None)
    if view is None:
        names = ", ".join(view.name for view in VIEWS)
        raise ConfigurationError(f"There is no table {table!r}.", f"The tables are: {names}.")
    settings = settings_of(bootstrap=bootstrap)
    replica = run(_read(settings, [view.agent]), settings.bootstrap)[view.agent]
    entries: list[dict[str, Any]] = []
    for partition, row_key, value in replica.scan(view.prefix):
        for entry in view.entries(row_key, value):
            if key is None or entry["key"].startswith(key):
                entries.append({"key": entry["key"], "partition": partition, **entry})
    more = len(entries) - limit
    entries = entries[:limit]
    if output is Output.JSON:
        print_json(entries)
    elif entries:
        _print(table, entries)
        if more > 0:
            out().print(f"… and {more} more: --limit {limit + more}", style="dim")
    else:
        out().print(f"No row of {table}{f' begins with {key}' if key else ''}.", style="yellow", markup=False)
    if not entries:
        raise typer.Exit(1)


def _print(name: str, entries: list[dict[str, Any]]) -> None:
    columns = list(dict.fromkeys(column for entry in entries for column in entry))
    if len(columns) <= _WIDE:
        print_table(name, columns, [[_cell(entry.get(column)) for column in columns] for entry in entries])
        return
    for entry in entries:
        print_table(entry["key"], ("field", "value"), [(k, _cell(v)) for k, v in entry.items() if k != "key"])


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


async def _read(settings: Settings, agents: Any) -> dict[str, Replica]:
    return {agent: await read_replica(settings, agent) for agent in agents}


async def read_replica(settings: Settings, agent: str) -> Replica:
    """The committed state of an agent up to now. Raises BrokerError when no worker has ever run."""
    async with Replica(settings.kafka_client_kwargs(), settings.topic(changelog_topic(agent))) as replica:
        with progress() as bar:
            task = bar.add_task(f"reading the state of {agent}", total=None)
            await replica.catch_up(lambda done, total: bar.update(task, completed=done, total=total))
    return replica
