"""The fields of a model as a table of Markdown: for the reference pages. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from ironstream.topology.checks.wording import fields_of
from ironstream.topology.model.base import SECONDS_MAX

Schema = Mapping[str, Any]
Named = Callable[[str], str]
"""From the `$ref` of a schema to the words for its type."""

_WORDS = {"string": "text", "integer": "whole number", "boolean": "true, false", "object": "mapping"}
_BOUNDS = (("exclusiveMinimum", ">"), ("minimum", "≥"), ("exclusiveMaximum", "<"), ("maximum", "≤"))


def field_table(model: type[BaseModel], properties: Schema, named: Named) -> str:
    """A row for each field; `properties` are those of the model's JSON Schema."""
    rows = [
        f"| `{name}` | {type_words(properties[name], named)} | {_default(field)} | {_cell(field.description or '')} |"
        for name, field in fields_of(model).items()
    ]
    return "\n".join(["| field | type | default | meaning |", "|---|---|---|---|", *rows]) + "\n"


def paragraph(model: type[BaseModel]) -> str:
    """What a class says of itself."""
    return "\n".join(line.strip() for line in (model.__doc__ or "").strip().splitlines())


def type_words(schema: Schema, named: Named) -> str:
    """A field's type in words, from its JSON Schema."""
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        kinds = [type_words(option, named) for option in options if option.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "$ref" in schema:
        return named(str(schema["$ref"]))
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{option}`" for option in schema.get("enum") or [schema["const"]])
    kind = str(schema.get("type", "any"))
    if kind == "array":
        return _list_words(schema, named)
    if kind == "object":
        values = schema.get("additionalProperties") or next(iter(schema.get("patternProperties", {}).values()), None)
        return f"mapping to {type_words(values, named)}" if isinstance(values, dict) and values else "mapping"
    bounds = [f"{sign} {schema[key]:.15g}" for key, sign in _BOUNDS if key in schema and schema[key] != SECONDS_MAX]
    return ", ".join([_WORDS.get(kind, kind), *bounds])


def _list_words(schema: Schema, named: Named) -> str:
    if "prefixItems" in schema:
        kinds = [type_words(item, named) for item in schema["prefixItems"]]
        return "two numbers" if kinds == ["number", "number"] else f"list of {', '.join(kinds)}"
    items = schema.get("items")
    return f"list of {type_words(items, named)}" if items else "list"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = to_jsonable_python(field.get_default(call_default_factory=True, validated_data={}), by_alias=True)
    if value is None:
        return "–"
    rows = value if isinstance(value, list) else []
    parts = [part for row in rows if isinstance(row, dict) for part in row.values()]
    if parts and all(isinstance(part, int | float) for part in parts):
        return "; ".join(" / ".join(f"{part:.15g}" for part in row.values()) for row in rows)
    if parts or (isinstance(value, dict) and value):
        return "see there"
    return f"`{json.dumps(value, ensure_ascii=False)}`"
