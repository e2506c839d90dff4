"""`ironstream topics`: the topics of the deployment as they are and as they should be."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from ironstream.commands.options import BootstrapOption, OutputOption, TopologyOption, settings_of
from ironstream.commands.output import Output, out, print_json, print_table, run
from ironstream.settings import Settings
from ironstream.topics import TopicDifference, TopicSpec, TopicState, describe, ensure_topics, topic_specs

_UNITS_MS = (("y", 365 * 86_400_000), ("d", 86_400_000), ("h", 3_600_000), ("s", 1000))


def specs_of(settings: Settings) -> list[TopicSpec]:
    """Every topic that the deployment needs. Raises TopologyError for a topology that cannot be used."""
    from ironstream.topology import load_topology

    return topic_specs(settings, [window.size_s for window in load_topology(settings.topology).windows])


def topics(
    create: Annotated[bool, typer.Option("--create", help="Make the topics that are missing.")] = False,
    bootstrap: BootstrapOption = None,
    topology: TopologyOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the deployment's topics, and say where they are not as they should be.

    Existing topics are never changed. Exit code 1 when one is missing or differs.

    Examples:

      ironstream topics

      ironstream topics --create --bootstrap kafka-1:9092
    """
    settings = settings_of(bootstrap=bootstrap, topology=topology)
    specs = specs_of(settings)
    states, differences = run(_look(settings, specs, create), settings.bootstrap)
    of_topic: dict[str, list[TopicDifference]] = {}
    for difference in differences:
        of_topic.setdefault(difference.topic, []).append(difference)
    missing = [spec.name for spec in specs if spec.name not in states]
    if output is Output.JSON:
        print_json(
            {
                "bootstrap": settings.bootstrap,
                "topics": [
                    {
                        "name": spec.name,
                        "exists": spec.name in states,
                        "expected": spec,
                        "actual": states.get(spec.name),
                    }
                    for spec in specs
                ],
                "missing": missing,
                "differences": differences,
            }
        )
    else:
        rows = [_row(spec, states.get(spec.name), of_topic.get(spec.name, [])) for spec in specs]
        print_table(
            f"Topics on {settings.bootstrap}", ("topic", "partitions", "replication", "kept", "differences"), rows
        )
        if missing:
            out().print(f"{len(missing)} missing: `ironstream topics --create` makes them", style="yellow")
    if missing or differences:
        raise typer.Exit(1)


async def _look(
    settings: Settings, specs: list[TopicSpec], create: bool
) -> tuple[dict[str, TopicState], list[TopicDifference]]:
    kwargs = settings.kafka_client_kwargs()
    if create:
        await ensure_topics(kwargs, specs, settings.replication)
    states = await describe(kwargs, [spec.name for spec in specs])
    # nothing is missing of these, so nothing is made
    differences = await ensure_topics(kwargs, [spec for spec in specs if spec.name in states], settings.replication)
    return states, differences


def _row(spec: TopicSpec, state: TopicState | None, differences: list[TopicDifference]) -> list[Text | str]:
    if state is None:
        return [spec.name, "", "", _kept(spec.config), Text("missing", style="bold red")]
    told = "; ".join(f"{one.setting} is {one.actual}, should be {one.expected}" for one in differences)
    return [
        spec.name,
        str(state.partitions),
        str(state.replication),
        _kept(state.config),
        Text(told, style="yellow") if told else Text("none", style="dim"),
    ]


def _kept(config: dict[str, str]) -> str:
    if config.get("cleanup.policy") == "compact":
        return "last of each key"
    retention_ms = int(config.get("retention.ms", "-1"))
    if retention_ms < 0:
        return "for ever"
    for unit, length_ms in _UNITS_MS:
        if retention_ms % length_ms == 0 and retention_ms >= length_ms:
            return f"{retention_ms // length_ms} {unit}"
    return f"{retention_ms} ms"
