"""The JSON Schema that editors use, and the reference page, both made from the model.

`python -m ironstream.topology.schema` writes both files; a test compares them with what is checked in.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from ironstream.topology.checks.wording import fields_of
from ironstream.topology.model import (
    Aggregate,
    Alarm,
    Asset,
    Condition,
    Deployment,
    MachineType,
    Parameter,
    Pipeline,
    Range,
    Site,
    StateCondition,
    Tenant,
    Times,
    Topology,
    Window,
)
from ironstream.topology.model.alarms import CONDITION_KINDS
from ironstream.topology.model.base import SECONDS_MAX

SCHEMA_FILE: Final = Path("topology.schema.json")
REFERENCE_FILE: Final = Path("docs/topology.md")

_PAGES: Final[tuple[tuple[str, type[BaseModel]], ...]] = (
    ("The file", Topology), ("deployment", Deployment), ("times", Times), ("windows[]", Window),
    ("tenants[]", Tenant), ("sites[]", Site), ("machine_types[]", MachineType), ("assets[]", Asset),
    ("parameters[] of assets and machine types", Parameter), ("range of a parameter", Range),
    ("pipelines[]", Pipeline), ("alarms[]", Alarm), ("aggregate of an alarm", Aggregate),
    ("condition of an alarm", Condition), ("state of a condition", StateCondition),
)  # fmt: skip

_INTRODUCTION: Final = """\
# topology.yaml

One file declares the plant: tenants, sites, assets and their parameters, the pipelines that read them and the alarms
that watch them. `ironstream check` names every fault with line, column and mend; editors complete and check it by
`topology.schema.json` (first line `# yaml-language-server: $schema=topology.schema.json`). The file at the root of the
repository is an example of everything below.

- It is YAML 1.2: `on`, `yes` and `no` are texts, booleans are `true` and `false`. One document, UTF-8, at most 4 MiB,
  32 levels deep. Keys may not be doubled, tags and merge keys are refused, and anchors are meant for a few values only:
  what is alike in many assets belongs into a machine type.
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

This page is generated from the model: `python -m ironstream.topology.schema`.
"""


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of topology.yaml. It holds the shape; `check` knows more (references, units, sense)."""
    schema = Topology.model_json_schema(by_alias=True)
    definitions: dict[str, Any] = schema["$defs"]
    # what the classes check in code
    definitions["Condition"]["oneOf"] = [{"required": [kind]} for kind in CONDITION_KINDS]
    definitions["StateCondition"]["oneOf"] = [
        {"required": ["is"]},
        {"required": ["is_not"]},
        {"anyOf": [{"required": ["from"]}, {"required": ["to"]}]},
    ]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "ironstream topology"} | schema


def schema_text() -> str:
    """`topology.schema.json` as it is to be checked in."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def reference_text() -> str:
    """`docs/topology.md` as it is to be checked in."""
    definitions = json_schema()["$defs"]
    parts = [_INTRODUCTION]
    for title, model in _PAGES:
        properties = (definitions.get(model.__name__) or Topology.model_json_schema(by_alias=True))["properties"]
        rows = [
            f"| `{name}` | {_type(properties[name])} | {_default(field)} | {_cell(field.description or '')} |"
            for name, field in fields_of(model).items()
        ]
        parts.append(
            f"## {title}\n\n{_paragraph(model)}\n\n| field | type | default | meaning |\n|---|---|---|---|\n"
            + "\n".join(rows)
            + "\n"
        )
    return "\n".join(parts)


def _paragraph(model: type[BaseModel]) -> str:
    return "\n".join(line.strip() for line in (model.__doc__ or "").strip().splitlines())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = to_jsonable_python(field.get_default(call_default_factory=True), by_alias=True)
    if value is None:
        return "–"
    if isinstance(value, dict) and value:
        return "see there"
    if isinstance(value, list) and value:
        return "; ".join(" / ".join(f"{part:.15g}" for part in item.values()) for item in value)
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _type(schema: dict[str, Any]) -> str:
    """A field's type in words, from its JSON Schema."""
    if "anyOf" in schema:
        kinds = [_type(option) for option in schema["anyOf"] if option.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "enum" in schema or "const" in schema:
        options = schema.get("enum") or [schema["const"]]
        return ", ".join(f"`{option}`" for option in options)
    kind = str(schema.get("type", "any"))
    if kind == "array":
        if "prefixItems" in schema:
            return "two numbers"
        return f"list of {_type(schema['items'])}"
    words = {"string": "text", "integer": "whole number", "boolean": "true, false", "object": "mapping"}
    bounds = [
        f"{sign} {schema[key]}"
        for key, sign in (("exclusiveMinimum", ">"), ("minimum", "≥"), ("exclusiveMaximum", "<"), ("maximum", "≤"))
        if key in schema and schema[key] != SECONDS_MAX
    ]
    return ", ".join([words.get(kind, kind), *bounds])


def write(root: Path) -> list[Path]:
    """Write both files under the root of the repository; returns their paths."""
    texts = {root / SCHEMA_FILE: schema_text(), root / REFERENCE_FILE: reference_text()}
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(texts)


if __name__ == "__main__":
    write(Path(__file__).resolve().parents[2])
