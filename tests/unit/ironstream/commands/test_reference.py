from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field
from ruamel.yaml import YAML

from adapters.reference import ADAPTERS_FILE, adapters_text
from adapters.registry import ADAPTERS, CONFIG_MODELS
from ironstream.commands import reference
from ironstream.commands.schema import schema as print_schema
from ironstream.gateway.adapter import AdapterKind
from ironstream.sinks.reference import SINKS_FILE, sinks_text
from ironstream.sinks.registry import SINKS
from ironstream.sinks.sink import SinkKind
from ironstream.topology import check_text, schema
from ironstream.topology.model_pages import anchor, with_all_below
from tests.support.sink_kinds import KINDS

ROOT = Path(__file__).parents[4]
HOW = "run `python -m ironstream.commands.reference` and commit what it writes"
SAMPLES = sorted(ROOT.glob("adapters/*/sample*.yaml"))
SINK_SAMPLES = sorted(ROOT.glob("ironstream/sinks/*/sample*.yaml"))


def errors(text: str, sinks: Mapping[str, SinkKind] | None = None) -> list[str]:
    data = YAML(typ="safe", pure=True).load(text)
    validator = Draft202012Validator(schema.json_schema(CONFIG_MODELS, sinks))
    return [error.message for error in validator.iter_errors(data)]


def as_topology(sample: Path, section: str = "pipelines") -> str:
    lines = sample.read_text(encoding="utf-8").splitlines()
    return f"version: 1\n{section}:\n  -\n" + "".join(f"    {line}\n" for line in lines)


def test_the_schema_that_is_checked_in_is_that_of_the_models() -> None:
    assert (ROOT / schema.SCHEMA_FILE).read_text(encoding="utf-8") == reference.schema_text(), HOW


def test_the_page_of_adapters_that_is_checked_in_is_that_of_the_models() -> None:
    assert (ROOT / ADAPTERS_FILE).read_text(encoding="utf-8") == adapters_text(), HOW


def test_the_page_of_sinks_that_is_checked_in_is_that_of_the_models() -> None:
    assert (ROOT / SINKS_FILE).read_text(encoding="utf-8") == sinks_text(), HOW


def test_the_page_of_topology_yaml_that_is_checked_in_is_that_of_the_model() -> None:
    assert (ROOT / schema.REFERENCE_FILE).read_text(encoding="utf-8") == schema.reference_text(), HOW


def test_all_files_are_written_below_the_root(tmp_path: Path) -> None:
    written = reference.write(tmp_path)

    names = [schema.SCHEMA_FILE, schema.REFERENCE_FILE, ADAPTERS_FILE, SINKS_FILE]
    assert [path.relative_to(tmp_path) for path in written] == names
    assert all(path.stat().st_size > 0 for path in written)


def test_the_schema_is_a_valid_schema_and_takes_the_example_plant() -> None:
    Draft202012Validator.check_schema(schema.json_schema(CONFIG_MODELS))

    assert errors((ROOT / "topology.yaml").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "config",
    ["{host: plc}", "{host: plc, tags: [{name: a}]}", "{host: plc, prot: 1, tags: [{name: a, address: 1}]}"],
)
def test_the_schema_refuses_a_config_that_the_adapter_refuses(config: str) -> None:
    assert errors(f"version: 1\npipelines: [{{id: p, adapter: modbus-tcp, config: {config}}}]") != []


def test_the_schema_refuses_an_adapter_that_there_is_not() -> None:
    assert errors("version: 1\npipelines: [{id: p, adapter: modbus}]") != []


@pytest.mark.parametrize(
    "sink",
    [
        "{id: s, kind: folder}",
        "{id: s, kind: folder, config: {rows: 5}}",
        "{id: s, kind: folder, config: {path: /a, rows: many}}",
        "{id: s, kind: foldr, config: {path: /a}}",
        "{id: s, kind: pager, config: {path: /a}}",
    ],
)
def test_the_schema_refuses_a_sink_that_the_check_refuses(sink: str) -> None:
    text = f"version: 1\nsinks: [{sink}]"

    assert errors(text, KINDS) != []
    assert check_text(text.encode(), sinks=KINDS).topology is None


@pytest.mark.parametrize("sink", ["{id: s, kind: twin}", "{id: s, kind: folder, config: {path: /a, rows: 5}}"])
def test_the_schema_takes_a_sink_that_the_check_takes(sink: str) -> None:
    text = f"version: 1\nsinks: [{sink}]"

    assert errors(text, KINDS) == []
    assert check_text(text.encode(), sinks=KINDS).faults == []


class Range(BaseModel):
    """A class of an adapter with the name of one of topology.yaml."""

    low: int = Field(description="Lowest.")


class OtherConfig(BaseModel):
    """All of it has defaults."""

    range: Range | None = Field(default=None, description="A | B.")
    tags: tuple[Range, ...] = Field(default=(), description="Tags.")
    by_unit: dict[str, float] = Field(default_factory=dict, description="By unit.")


def with_other() -> Mapping[str, AdapterKind]:
    return {**ADAPTERS, "other": AdapterKind(OtherConfig, Range, lambda config: config, lambda source, mapping: {})}


def test_classes_of_an_adapter_do_not_displace_those_of_the_file() -> None:
    made: dict[str, Any] = schema.json_schema({name: kind.config_model for name, kind in with_other().items()})
    validator = Draft202012Validator(made)

    def refused(text: str) -> bool:
        return bool(list(validator.iter_errors(YAML(typ="safe", pure=True).load(text))))

    assert "min" in made["$defs"]["Range"]["properties"]
    assert not refused("version: 1\npipelines: [{id: p, adapter: other}]")
    assert not refused("version: 1\npipelines: [{id: p, adapter: other, config: {range: {low: 1}}}]")
    assert refused("version: 1\npipelines: [{id: p, adapter: other, config: {range: {min: 1}}}]")


def test_the_page_has_a_chapter_for_each_folder_and_one_for_what_all_share() -> None:
    page = adapters_text(with_other())

    assert "### other\n\nAll of it has defaults." in page
    assert "| `range` | [Range](#every-adapter-range) | – | A \\| B. |" in page
    assert "| `by_unit` | mapping to number | `{}` | By unit. |" in page


@pytest.mark.parametrize("adapters", [ADAPTERS, with_other()])
def test_every_link_of_the_page_leads_to_a_heading(adapters: Mapping[str, AdapterKind]) -> None:
    page = adapters_text(adapters)
    headings = {anchor(line.lstrip("# ")) for line in page.splitlines() if line.startswith("#")}

    assert set(re.findall(r"\(#([^)]*)\)", page)) <= headings
    assert set(adapters) <= headings


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_every_field_of_every_adapter_has_a_description(name: str) -> None:
    lacking = [
        f"{model.__name__}.{field}"
        for model in with_all_below([ADAPTERS[name].config_model, ADAPTERS[name].tag_model])
        for field, detail in model.model_fields.items()
        if not detail.description
    ]
    assert lacking == []


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_sample_is_a_pipeline_that_the_check_and_the_schema_take(sample: Path) -> None:
    text = as_topology(sample)
    result = check_text(text.encode(), str(sample), CONFIG_MODELS)

    assert [str(fault) for fault in result.errors] == []
    assert errors(text) == []


def test_every_adapter_has_a_sample() -> None:
    used = {YAML(typ="safe").load(sample)["adapter"] for sample in SAMPLES}

    assert used == set(ADAPTERS)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_device_of_which_no_tag_is_known_yet_can_be_described_for_browsing(sample: Path) -> None:
    pipeline = YAML(typ="safe").load(sample)
    kind = ADAPTERS[pipeline["adapter"]]
    required = {name for name, field in kind.config_model.model_fields.items() if field.is_required()}
    address = {key: value for key, value in pipeline["config"].items() if key in required - kind.blank.keys()}

    kind.config_model.model_validate({**kind.blank, **address})


def test_the_page_of_sinks_tells_of_every_kind_which_topics_it_takes_and_gets() -> None:
    page = sinks_text(KINDS)

    everything = "telemetry.clean, aggregates, events.clean, alarms.clean"
    assert f"| [folder](#folder) | Writes files. | {everything} | {everything} |" in page
    assert "| [pager](#pager) | Pages people. | alarms.clean | alarms.clean |" in page
    assert "| [twin](#twin) | Keeps the newest. | aggregates | telemetry.1min |" in page
    assert "### folder\n\nA folder that takes everything." in page
    assert "| `rows` | whole number, ≥ 1 | `1000` | Rows in a file. |" in page


@pytest.mark.parametrize("sinks", [SINKS, KINDS], ids=["registry", "fakes"])
def test_every_link_of_the_page_of_sinks_leads_to_a_heading(sinks: Mapping[str, SinkKind]) -> None:
    page = sinks_text(sinks)
    headings = {anchor(line.lstrip("# ")) for line in page.splitlines() if line.startswith("#")}

    assert set(re.findall(r"\(#([^)]*)\)", page)) <= headings
    assert set(sinks) <= headings
    for linked in re.findall(r"\(\.\./([^)#]*)\)", page):
        assert (ROOT / linked).is_file(), linked


@pytest.mark.parametrize("name", sorted(SINKS))
def test_every_field_of_every_sink_has_a_description(name: str) -> None:
    lacking = [
        f"{model.__name__}.{field}"
        for model in with_all_below([SINKS[name].config_model])
        for field, detail in model.model_fields.items()
        if not detail.description
    ]
    assert lacking == []


@pytest.mark.parametrize("sample", SINK_SAMPLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_sample_is_a_sink_that_the_check_and_the_schema_take(sample: Path) -> None:
    text = as_topology(sample, "sinks")
    result = check_text(text.encode(), str(sample), CONFIG_MODELS, SINKS)

    assert [str(fault) for fault in result.errors] == []
    assert errors(text, SINKS) == []


def test_every_kind_of_sink_has_a_sample() -> None:
    used = {YAML(typ="safe").load(sample)["kind"] for sample in SINK_SAMPLES}

    assert used == set(SINKS)


def test_every_field_of_every_adapter_and_sink_has_a_description_that_editors_show() -> None:
    definitions: dict[str, Any] = schema.json_schema(CONFIG_MODELS, SINKS)["$defs"]

    lacking = [
        f"{name}.{field}"
        for name, definition in definitions.items()
        for field, detail in definition.get("properties", {}).items()
        if not detail.get("description")
    ]
    assert lacking == []


def test_editors_know_included_files_by_the_same_schema() -> None:
    assert errors("version: 1\ninclude: [assets/*.yaml]\n") == []
    assert errors("version: 1\nassets: [{id: a}]\n") == []
    assert errors("version: 1\ninclude: assets.yaml\n") != []


def test_editors_complete_the_fields_of_an_aggregate() -> None:
    rule = "{id: a, type: t, on: aggregate, aggregate: {size_s: 10, field: FIELD}, condition: {above: 1}}"

    assert errors(f"version: 1\nalarms: [{rule.replace('FIELD', 'p95')}]\n") == []
    assert errors(f"version: 1\nalarms: [{rule.replace('FIELD', 'p96')}]\n") != []


def test_the_schema_is_printed_as_it_is_checked_in(capsys: pytest.CaptureFixture[str]) -> None:
    print_schema()

    assert capsys.readouterr().out == (ROOT / schema.SCHEMA_FILE).read_text(encoding="utf-8")
