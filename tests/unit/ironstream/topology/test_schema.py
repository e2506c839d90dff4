from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from ironstream.topology import schema
from ironstream.topology.model import Topology

ROOT = Path(__file__).parents[4]


def errors(text: str) -> list[str]:
    data = YAML(typ="safe", pure=True).load(text)
    return [error.message for error in Draft202012Validator(schema.json_schema()).iter_errors(data)]


def test_the_schema_is_a_valid_schema_and_takes_the_example_plant() -> None:
    Draft202012Validator.check_schema(schema.json_schema())

    assert errors((ROOT / "topology.yaml").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\nasets: []\n",
        "version: 2\n",
        "version: 1\nassets: [{id: 'no blanks'}]\n",
        "version: 1\nalarms: [{id: a, type: t, condition: {above: 1, below: 2}}]\n",
        "version: 1\nalarms: [{id: a, type: t, condition: {deadband: 2}}]\n",
        "version: 1\nalarms: [{id: a, type: t, condition: {above: 1, deadband: 2 percent}}]\n",
        "version: 1\nalarms: [{id: a, type: t, condition: {state: {event: e}}}]\n",
    ],
)
def test_the_schema_refuses_what_the_model_refuses(text: str) -> None:
    assert errors(text) != []


def test_every_field_has_a_description_and_a_type_that_editors_can_show() -> None:
    definitions: dict[str, Any] = schema.json_schema()["$defs"]

    lacking = [
        f"{name}.{field}"
        for name, definition in {**definitions, "Topology": Topology.model_json_schema()}.items()
        for field, detail in definition["properties"].items()
        if not detail.get("description")
    ]
    assert lacking == []
