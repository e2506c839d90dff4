from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from adapters.registry import ADAPTERS
from ironstream.errors import ConfigurationError
from ironstream.topology import TopologyError, check_text, load_topology

EXAMPLE = Path(__file__).parents[4] / "topology.yaml"
MODELS: dict[str, type[BaseModel]] = {name: kind.config_model for name, kind in ADAPTERS.items()}


def messages(text: str) -> list[str]:
    return [fault.message for fault in check_text(text.encode()).faults]


def test_the_example_plant_has_no_error_and_warns_of_the_device_that_babbles() -> None:
    result = check_text(EXAMPLE.read_bytes(), "topology.yaml", MODELS)

    assert result.topology is not None
    assert [fault.severity for fault in result.faults] == ["warning"]
    assert result.faults[0].path == "pipelines[4].poll_interval_s"


def test_the_example_plant_uses_every_kind_of_condition() -> None:
    topology = load_topology(EXAMPLE, MODELS)

    assert {alarm.condition.kind for alarm in topology.alarms} == {
        "above", "below", "inside", "outside", "rate_of_change", "no_data_s", "quality_bad_s", "state",
    }  # fmt: skip
    assert {alarm.on for alarm in topology.alarms} == {"reading", "aggregate", "event"}


def test_a_fault_reads_as_a_compiler_would_say_it() -> None:
    (fault,) = check_text(b"version: 1\nassets:\n  - {id: a, sites: b}\n", "plant.yaml").faults

    assert str(fault) == "plant.yaml:3:13: error: unknown field 'sites' (mend: did you mean 'site'?)"
    assert fault.path == "assets[0].sites"


def test_loading_a_broken_file_raises_with_all_faults_and_exit_code_2(tmp_path: Path) -> None:
    path = tmp_path / "plant.yaml"
    path.write_text("version: 1\nassets: [{}]\nalarms: [{}]\n", encoding="utf-8")

    with pytest.raises(TopologyError) as caught:
        load_topology(path)

    assert isinstance(caught.value, ConfigurationError)
    assert caught.value.exit_code == 2
    assert [fault.line for fault in caught.value.faults] == [2, 3, 3, 3]
    assert str(caught.value.faults[0]) in caught.value.message


def test_a_file_that_is_not_there_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(TopologyError, match="cannot be read: No such file") as caught:
        load_topology(tmp_path / "none.yaml")

    assert caught.value.faults == []
    assert caught.value.hint


def test_warnings_leave_the_topology_usable() -> None:
    assets = b"version: 1\nassets: [{id: a, parameters: [{name: t}]}]\n"
    result = check_text(assets + b"alarms: [{id: x, type: t, asset: b, condition: {above: 1}}]\n")

    assert result.topology is not None
    assert result.errors == []
    assert [fault.severity for fault in result.faults] == ["warning"]


def test_a_reference_to_a_part_with_a_fault_of_its_own_is_not_called_dangling() -> None:
    said = messages(
        "version: 1\n"
        "tenants: [{id: acme, name: 5}]\n"
        "assets: [{id: pump-1, tenant: acme, colour: red}]\n"
        "pipelines: [{id: p, adapter: a, tenant: acme, asset: pump-1}]\n"
    )

    assert said == ["`name` must be a text, not 5", "unknown field 'colour'"]


def test_a_fault_in_the_tenth_asset_is_told_there_when_others_before_it_are_broken_too() -> None:
    assets = "".join(f"  - {{id: a{n}, bogus: 1}}\n" if n < 9 else f"  - {{id: a{n}, site: 4}}\n" for n in range(10))
    faults = check_text(f"version: 1\nassets:\n{assets}".encode()).faults

    assert [(fault.line, fault.path) for fault in faults][-1] == (12, "assets[9].site")


def test_an_item_that_is_dropped_does_not_move_the_places_of_those_after_it() -> None:
    text = "version: 1\nassets:\n  - {site: x}\n  - {id: b, parameters: [{name: t, unit: nonsense}]}\n"
    faults = check_text(text.encode()).faults

    assert [(fault.line, fault.path) for fault in faults] == [(3, "assets[0].id"), (4, "assets[1].parameters[0].unit")]


def test_without_adapter_models_the_configuration_is_taken_as_it_is() -> None:
    assert messages("version: 1\npipelines: [{id: p, adapter: anything, config: {a: [1, {b: c}]}}]\n") == []


def test_no_message_holds_a_secret() -> None:
    class Config(BaseModel):
        """Takes its secrets as texts."""

        password: str
        url: int

    text = b"version: 1\npipelines: [{id: p, adapter: x, config: {password: 4711, url: 'mqtt://me:hunter2@host'}}]\n"
    said = "\n".join(str(fault) for fault in check_text(text, adapters={"x": Config}).faults)

    assert "`password` must be a text" in said
    assert "in plain text" in said
    assert "4711" not in said
    assert "hunter2" not in said


_FRAGMENTS = st.sampled_from(
    [
        "version: 1\n",
        "assets:\n",
        "  - id: a\n",
        "    parameters:\n",
        "      - {name: t, unit: bar}\n",
        "alarms:\n",
        "  - {id: x, type: t, condition: {above: 1}}\n",
        "    site: [1]\n",
        "windows: 3\n",
        "  - 4\n",
        "times: {a: b}\n",
        "tenants: [{id: acme}, 3, {}]\n",
        "pipelines: [{id: p, adapter: m, config: {tags: [1, {name: 2}]}}]\n",
        "    id: b\n",
        "  - {size_s: 1, grace_s: x}\n",
        "deployment: {name: null}\n",
        "machine_types: {}\n",
        "  - {condition: {outside: [a]}}\n",
    ]
)


@settings(max_examples=200)
@given(st.lists(_FRAGMENTS, max_size=12).map("".join))
def test_no_mixture_of_parts_makes_the_check_raise(text: str) -> None:
    result = check_text(text.encode(), adapters=MODELS)

    assert (result.topology is None) == bool(result.errors)
    for fault in result.faults:
        assert 1 <= fault.line <= text.count("\n") + 1
        assert fault.column >= 1
