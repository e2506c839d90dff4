from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.topology.edit import Added, Changed, Item, Kept, NotEditableError, with_items
from ironstream.topology.load import load

ROOT = Path(__file__).parents[4]
PLANT = (ROOT / "topology.yaml").read_text(encoding="utf-8")
A = Added({"name": "a", "address": 1})


def data_of(text: str) -> Any:
    root, faults = load(text.encode())
    assert root is not None, faults
    assert faults == []
    return root.data()


def tags_of(text: str, pipeline: int = 0) -> Any:
    return data_of(text)["pipelines"][pipeline]["config"]["tags"]


def with_tags(text: str, pipeline: int, items: list[Item]) -> str:
    return with_items(text, ("pipelines", pipeline, "config", "tags"), items)


BLOCK = """\
# é 😀
pipelines:
  - id: p
    config:
      tags:
        # the first
        - {name: one, address: 1}   # at its end

        # the second
        - name: two
          address: 2  # inside

      # of the host
      host: plc
  - id: q  # untouched
"""


def test_what_stays_and_all_around_the_list_keep_every_character() -> None:
    changed = with_tags(BLOCK, 0, [Kept(0), Kept(1), A])

    assert changed == BLOCK.replace(
        "          address: 2  # inside\n", "          address: 2  # inside\n        - {name: a, address: 1}\n"
    )


def test_a_comment_above_a_tag_and_the_one_at_its_end_stay_when_it_changes() -> None:
    changed = with_tags(BLOCK, 0, [Changed(0, {"name": "one", "address": 9}), Kept(1)])

    assert changed == BLOCK.replace("address: 1}", "address: 9}")


def test_a_tag_that_goes_takes_the_comment_above_it_along() -> None:
    changed = with_tags(BLOCK, 0, [Kept(1)])

    assert "the first" not in changed
    assert "# the second\n        - name: two" in changed
    assert "# of the host\n      host: plc" in changed
    assert tags_of(changed) == [{"name": "two", "address": 2}]


def test_a_tag_too_long_for_a_line_has_a_field_a_line() -> None:
    fields = {"name": "n" * 60, "node": "s" * 60, "report": {"mode": "on_change"}}
    changed = with_tags(BLOCK, 0, [Kept(0), Added(fields)])

    assert "          report: {mode: on_change}\n" in changed
    assert max(map(len, changed.splitlines())) <= 120
    assert tags_of(changed)[1] == fields


@pytest.mark.parametrize(
    "text",
    [
        "pipelines:\n- id: p\n  config:\n    tags:   # none yet\n    host: x\n",
        "pipelines:\n- id: p\n  config:\n    tags: ~ # none yet\n- id: q",
        "pipelines:\n- id: p\n  config:\n    host: 😀\n    tags: []",
        "pipelines:\n- id: p\n  config:\n    host: x\n    tags:",
        "pipelines:\n- id: p\n  config:\n    host: x\n- id: q\n",
        "pipelines:\n- id: p\n  config: {host: x}\n- id: q\n",
        "pipelines:\n- id: p\n  config: {}\n- id: q\n",
        "pipelines:\n- id: p\n  config: {tags: [], host: x}\n- id: q\n",
        "pipelines:\n- id: p\n  config: {tags: ~, host: x}\n- id: q\n",
        "pipelines: [{id: p, config: {tags: []}}, {id: q}]\n",
    ],
)
def test_a_list_is_made_where_there_is_none_and_nothing_else_changes(text: str) -> None:
    changed = with_tags(text, 0, [A, Added({"name": "b"})])

    before = data_of(text)
    before["pipelines"][0]["config"]["tags"] = [{"name": "a", "address": 1}, {"name": "b"}]
    assert data_of(changed) == before
    assert text.count("none yet") == changed.count("none yet")


@pytest.mark.parametrize(
    "text",
    [
        "pipelines:\n- id: p\n  config:\n    tags: [{name: é,\n      k: 1}, {name: 'b'}]  # c\n    host: x\n",
        "pipelines:\n- id: p\n  config: {host: x, tags: [{name: é, k: 1}, {name: 'b'}]}\n",
        "pipelines:\n- id: p\n  config:\n    tags:\n    - {name: é, k: 1}\n    -\n      # c\n      name: b\n    h: x",
        "pipelines:\n- id: p\n  config:\n    tags:\n    - {name: é, k: 1}\n    - name: b",
        "pipelines:\n- id: p\n  config:\n    tags:\n    - &a {name: é, k: 1}\n    - {name: b}\n",
    ],
)
def test_lists_are_changed_however_they_are_written(text: str) -> None:
    changed = with_tags(text, 0, [Kept(0), Changed(1, {"name": "c"}), A])

    before = data_of(text)
    before["pipelines"][0]["config"]["tags"] = [{"name": "é", "k": 1}, {"name": "c"}, {"name": "a", "address": 1}]
    assert data_of(changed) == before


def test_lines_keep_the_ends_that_the_file_has() -> None:
    changed = with_tags(BLOCK.replace("\n", "\r\n"), 0, [Kept(0), Changed(1, {"name": "x" * 130, "b": 1}), A])

    assert changed.count("\r\n") == changed.count("\n")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("pipelines:\n- id: p\n", "has no config"),
        ('pipelines:\n- id: p\n  config:\n    tags:\n      - {name: "a\n      - b"}\n', "look like items"),
    ],
)
def test_what_cannot_be_changed_in_place_is_refused(text: str, reason: str) -> None:
    with pytest.raises(NotEditableError, match=reason):
        with_tags(text, 0, [A])


@given(st.integers(0, 4), st.data())
def test_any_choice_of_tags_of_the_example_plant_changes_the_list_and_nothing_else(
    pipeline: int, data: st.DataObject
) -> None:
    before = data_of(PLANT)
    current = before["pipelines"][pipeline]["config"]["tags"]
    new = {"name": "new", "unit": "°C"}
    items: list[Item] = []
    for place in data.draw(st.lists(st.sampled_from(range(len(current))), unique=True)):
        items.append(Kept(place) if data.draw(st.booleans()) else Changed(place, new))
    items.append(Added(new))
    changed = with_tags(PLANT, pipeline, items)

    before["pipelines"][pipeline]["config"]["tags"] = [
        current[item.place] if isinstance(item, Kept) else item.fields for item in items
    ]
    assert data_of(changed) == before
    at = PLANT.index("      tags:\n")
    assert changed[:at] == PLANT[:at]


def test_a_list_that_loses_all_its_items_is_an_empty_one_with_what_comes_after_it_untouched() -> None:
    rules = "  # hot\r\n  - {id: a}\r\n  - id: b\r\n    type: t\r\n"
    text = f"version: 1\r\nalarms:   # rules\r\n{rules}# end\r\nsites: []\r\n"

    changed = with_items(text, ("alarms",), [])

    assert changed == "version: 1\r\nalarms: []   # rules\r\n# end\r\nsites: []\r\n"


@pytest.mark.parametrize("text", ["alarms: [{id: a}]\n", "{version: 1, alarms: [{id: a}, {id: b}]}\n"])
def test_a_list_in_brackets_may_be_emptied_too(text: str) -> None:
    assert data_of(with_items(text, ("alarms",), []))["alarms"] == []


def test_a_list_of_the_root_that_is_not_there_comes_at_the_end() -> None:
    assert with_items("version: 1 # x", ("alarms",), [Added({"id": "a"})]) == (
        "version: 1 # x\n\nalarms:\n  - {id: a}\n"
    )


def test_an_item_that_is_too_long_for_a_line_has_its_parts_on_lines_of_their_own() -> None:
    tags = [{"name": f"t{number}", "address": number} for number in range(12)]
    fields = {"id": "p", "config": {"host": "plc", "tags": tags, "note": "x" * 130}}

    changed = with_items("version: 1\npipelines: []\n", ("pipelines",), [Added(fields)])

    assert data_of(changed)["pipelines"] == [fields]
    assert "  - id: p\n    config:\n      host: plc\n      tags:\n        - {name: t0, address: 0}\n" in changed
