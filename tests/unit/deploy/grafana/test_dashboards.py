"""What is checked in is what the code makes, and holds nothing that Grafana does not know."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog import plugins, runtime
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard, FieldConfig

from deploy.grafana import build, look, query
from tests.support.grafana.queries import boards, variables_of

BOARDS = boards(build.FOLDER)
PROVISIONING = build.FOLDER.parent / "provisioning"


@pytest.fixture(scope="module", autouse=True)
def _types_of_grafana() -> None:
    plugins.register_default_plugins()
    query.register()


def panels(board: dict[str, Any], rows: bool = False) -> Iterator[dict[str, Any]]:
    return (panel for panel in board["panels"] if rows or panel["type"] != "row")


def read_back(value: Any) -> Any:
    return json.loads(JSONEncoder().encode(value))


def test_what_is_checked_in_is_what_the_code_makes() -> None:
    checked_in = {path.name: path.read_text(encoding="utf-8") for path in build.FOLDER.glob("*")}

    assert checked_in == build.rendered(), "run: make dashboards"


@pytest.mark.parametrize("name", BOARDS)
def test_the_types_of_grafana_know_every_field(name: str) -> None:
    # what a type does not know is lost on the way there and back
    there_and_back = read_back(Dashboard.from_json(BOARDS[name]))

    # these two the library adds although Grafana no longer knows them (panels.Board.build)
    for variable in there_and_back["templating"]["list"]:
        for gone in ("auto", "auto_min", "auto_count"):
            variable.pop(gone, None)
    for panel in there_and_back["panels"]:
        panel.get("options", {}).pop("footer", None)
    assert there_and_back == BOARDS[name]


@pytest.mark.parametrize("name", BOARDS)
def test_overrides_set_what_the_panel_has(name: str) -> None:
    for panel in panels(BOARDS[name]):
        config = runtime.panelcfg_config(panel["type"])
        assert config is not None, panel["type"]
        for override in panel["fieldConfig"].get("overrides", ()):
            for one in override["properties"]:
                known, _, own = one["id"].partition(".")
                if own:
                    assert config.field_config_from_json_hook is not None
                    assert known == "custom"
                    assert own in read_back(config.field_config_from_json_hook({own: one["value"]})), one["id"]
                else:
                    assert known in read_back(FieldConfig.from_json({known: one["value"]})), one["id"]


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_is_of_the_schema_and_its_panels_of_the_types_that_it_names(name: str) -> None:
    board = BOARDS[name]

    assert board["schemaVersion"] == 42  # of Grafana 12 and 13, read from files in this form alone
    assert board["uid"] == f"ironstream-{name}"
    numbers = [panel["id"] for panel in panels(board, rows=True)]
    assert numbers == list(range(1, len(numbers) + 1))
    for panel in panels(board):
        assert panel["description"], panel["title"]
        assert panel["datasource"]["uid"] in ("ironstream-store", "ironstream-metrics")
        assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])


@pytest.mark.parametrize("name", BOARDS)
def test_panels_do_not_overlap_and_fill_24_columns_at_most(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels(BOARDS[name], rows=True):
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert max(x for x, _ in cells) < 24, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("name", BOARDS)
def test_only_variables_that_are_there_are_asked_for(name: str) -> None:
    board = BOARDS[name]
    text = json.dumps(board["panels"]) + json.dumps(board["templating"])

    named = set(re.findall(r"\$\{?([a-z]+)\b", text))
    assert named == set(variables_of(board))


def test_links_lead_to_dashboards_that_are_there() -> None:
    targets = set(re.findall(r"/d/([a-z-]+)", json.dumps(BOARDS)))

    assert targets == {"ironstream-fleet", "ironstream-asset"}
    assert targets <= {board["uid"] for board in BOARDS.values()}


def test_what_is_normal_has_no_colour() -> None:
    alarming = {look.URGENT, look.HIGH, look.MEDIUM, look.LOW}
    colours = set(re.findall(r'"(?:color|fixedColor)": "([^"]+)"', json.dumps(BOARDS)))

    assert colours == alarming | {look.PLAIN, look.NONE, "text"}
    assert {look.QUALITIES["0"][1], look.STATES["CLEARED"][1], look.SEVERITIES["INFO"][1]} == {look.NONE}


def test_a_store_may_have_another_schema_and_other_windows() -> None:
    made = build.rendered("plant_2", {"10s": 10, "1min": 60})

    for text in made.values():
        assert "ironstream." not in text
        assert not re.search(r"aggregates_(1s|1hour)\b", text)
    assert "plant_2.aggregates_10s" in made["asset.json"]


@pytest.mark.parametrize(("name", "size_s"), [("1s", 1), ("10s", 10), ("15min", 900), ("1hour", 3600)])
def test_sizes_are_named_as_topics_name_them(name: str, size_s: int) -> None:
    assert build.size_of(name) == size_s


@pytest.mark.parametrize("name", ["", "s", "0s", "1 s", "1m", "-1s", "1s;"])
def test_what_is_no_size_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no size of windows"):
        build.size_of(name)


def test_what_is_provisioned_are_the_sources_that_the_dashboards_name() -> None:
    sources = yaml.safe_load((PROVISIONING / "datasources" / "ironstream.yaml").read_text(encoding="utf-8"))
    named = {
        (panel["datasource"]["uid"], panel["datasource"]["type"])
        for board in BOARDS.values()
        for panel in panels(board)
    }

    assert {(one["uid"], one["type"]) for one in sources["datasources"]} == named
    for one in sources["datasources"]:
        # a secret comes from the environment, and nothing else has a place for one
        assert all(value.startswith("$__env{") for value in one.get("secureJsonData", {}).values())
        assert one["editable"] is False


def test_every_variable_of_the_environment_is_explained() -> None:
    readme = (build.FOLDER.parent / "README.md").read_text(encoding="utf-8")
    files = [path.read_text(encoding="utf-8") for path in PROVISIONING.rglob("*.yaml")]

    named = set(re.findall(r"\$__env\{(\w+)\}", "".join(files)))
    assert len(named) == 7
    for name in named:
        assert f"`{name}`" in readme
