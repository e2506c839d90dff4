"""The JSON Schema that editors use, and the reference page of topology.yaml, both made from the model.

`python -m ironstream.commands.reference`, which knows adapters and sinks too, writes both files; tests compare them
with what is checked in.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ironstream.topology.check import AdapterModels
from ironstream.topology.field_table import field_table, paragraph
from ironstream.topology.model import (
    AGGREGATE_FIELDS,
    Aggregate,
    Alarm,
    Asset,
    Canary,
    Condition,
    Deployment,
    MachineType,
    Parameter,
    Pipeline,
    Range,
    SinkPart,
    Site,
    StateCondition,
    Tenant,
    Times,
    Topology,
    Window,
)
from ironstream.topology.model.alarms import CONDITION_KINDS
from ironstream.topology.sinks import SinkSorts

SCHEMA_FILE: Final = Path("topology.schema.json")
REFERENCE_FILE: Final = Path("docs/topology.md")

_PAGES: Final[tuple[tuple[str, type[BaseModel]], ...]] = (
    ("The file", Topology), ("deployment", Deployment), ("canary of the deployment", Canary),
    ("times", Times), ("windows[]", Window),
    ("tenants[]", Tenant), ("sites[]", Site), ("machine_types[]", MachineType), ("assets[]", Asset),
    ("parameters[] of assets and machine types", Parameter), ("range of a parameter", Range),
    ("pipelines[]", Pipeline), ("alarms[]", Alarm), ("aggregate of an alarm", Aggregate),
    ("condition of an alarm", Condition), ("state of a condition", StateCondition), ("sinks[]", SinkPart),
)  # fmt: skip

_INTRODUCTION: Final = """\
# topology.yaml

One file declares the plant: tenants, sites, assets and their parameters, the pipelines that read them, the alarms that
watch them and the sinks that store what comes of it. `ironstream check` names every fault with line, column and mend;
editors complete and check it by `topology.schema.json` (first line
`# yaml-language-server: $schema=topology.schema.json`). The file at the root of the repository is an example of
everything below but `sinks`, whose kinds have [a page of their own](sinks.md). What an edit would
change (`ironstream plan`), what it would have made of the last hour (`--replay 1h`), and how it takes effect without a
restart (`ironstream apply`) is told in [changing the plant](changes.md).

- It is YAML 1.2: `on`, `yes` and `no` are texts, booleans are `true` and `false`. One document, UTF-8, at most 4 MiB,
  32 levels deep. Keys may not be doubled, tags and merge keys are refused, and anchors are meant for a few values only:
  what is alike in many assets belongs into a machine type.
- `include: [assets/*.yaml]` adds the lists of other files (`tenants`, `sites`, `machine_types`, `assets`, `pipelines`,
  `alarms`, `sinks`) to its own. Patterns are relative to the folder of topology.yaml and stay within it, `**/` is any
  folder below, and names that begin with a dot are passed over. Each file starts with `version: 1`; what holds for all
  (`deployment`, `times`, `windows` …) stays in topology.yaml, and only that includes others. All of them are one
  topology: names may refer to any file, a fault names its own, and a change in any is a new version of the whole.
- Unknown fields are errors. Values are taken as written: `"5"` is a text and not a number.
- Times carry their unit in the name (`_s`: seconds) and are at most ten years. Values of a parameter are in its `unit`,
  and so are thresholds.
- Secrets never stand in the file: write `${secret:NAME}` (in quotes where it stands within braces).
- A parameter's expected interval is its own `expected_interval_s`, else that of the enabled pipeline that delivers it
  (`poll_interval_s`, or what its report by exception allows). It decides which windows the parameter gets, and what a
  gap is.
- Units are those of [pint](https://pint.readthedocs.io), and the usual spellings of plants: `°C`, `m3/h`, `m³/h`,
  `l/min`, `Nm`, `rpm`, `%`, `psi`, `barg`. `C` and `F` are temperatures. Gauge pressure (`barg`, `psig`), `Nm3` and
  `Sm3` convert only among their own kind; 60 `rpm` are 1 `Hz`.

This page is generated from the model: `python -m ironstream.commands.reference`.
"""


def json_schema(adapters: AdapterModels | None = None, sinks: SinkSorts | None = None) -> dict[str, Any]:
    """The JSON Schema (2020-12) of topology.yaml. It holds the shape; `check` knows more (references, units, sense).

    With `adapters`, the `config` of a pipeline is that of its adapter; with `sinks`, that of a sink is its kind's.
    """
    schema = Topology.model_json_schema(by_alias=True)
    definitions: dict[str, Any] = schema["$defs"]
    # what the classes check in code
    definitions["Condition"]["oneOf"] = [{"required": [kind]} for kind in CONDITION_KINDS]
    definitions["Aggregate"]["properties"]["field"]["enum"] = list(AGGREGATE_FIELDS)
    definitions["StateCondition"]["oneOf"] = [
        {"required": ["is"]},
        {"required": ["is_not"]},
        {"anyOf": [{"required": ["from"]}, {"required": ["to"]}]},
    ]
    if adapters:
        _add_configs(definitions, "Pipeline", "adapter", "adapter", adapters)
    if sinks:
        models = {name: sort.config_model for name, sort in sinks.items()}
        _add_configs(definitions, "SinkPart", "kind", "sink", models)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "ironstream topology"} | schema


def _add_configs(
    definitions: dict[str, Any], part: str, field: str, family: str, by_name: Mapping[str, type[BaseModel]]
) -> None:
    """Make the `config` of a part that of what its `field` names.

    The classes of a `family` have names apart from those of the file, as both may have a `Range`.
    """
    models = list(dict.fromkeys(by_name.values()))
    references, made = models_json_schema(
        [(model, "validation") for model in models], by_alias=True, ref_template=f"#/$defs/{family}.{{model}}"
    )
    definitions |= {f"{family}.{name}": made["$defs"][name] for name in made["$defs"]}
    definition = definitions[part]
    definition["properties"][field]["enum"] = sorted(by_name)
    definition["allOf"] = [
        {
            "if": {"properties": {field: {"const": name}}, "required": [field]},
            "then": {"properties": {"config": references[model, "validation"]}, "required": _required(model)},
        }
        for name, model in sorted(by_name.items())
    ]


def _required(model: type[BaseModel]) -> list[str]:
    """`config` may be left out where all of it has defaults."""
    return ["config"] if any(field.is_required() for field in model.model_fields.values()) else []


def reference_text() -> str:
    """`docs/topology.md` as it is to be checked in."""
    definitions = json_schema()["$defs"]
    parts = [_INTRODUCTION]
    for title, model in _PAGES:
        properties = (definitions.get(model.__name__) or Topology.model_json_schema(by_alias=True))["properties"]
        parts.append(f"## {title}\n\n{paragraph(model)}\n\n" + field_table(model, properties, _class_name))
    return "\n".join(parts)


def _class_name(reference: str) -> str:
    return reference.rsplit("/", 1)[-1]
