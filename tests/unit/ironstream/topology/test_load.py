import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from ironstream.topology.load import MAX_BYTES, MAX_DEPTH, load
from ironstream.topology.nodes import Node

PLANT = """\
version: 1
assets:
  - id: pump-1
    parameters: [{name: temperature, range: {max: 150}}]
"""


def tree(text: str) -> Node:
    root, faults = load(text.encode())
    assert root is not None, faults
    assert faults == []
    return root


def node_at(root: Node, *path: str | int) -> Node:
    node = root
    for part in path:
        child = node.child(part)
        assert child is not None
        node = child
    return node


def refusal(text: bytes) -> str:
    root, faults = load(text)
    assert root is None
    return faults[-1].message


def test_every_value_knows_its_place_and_that_of_its_key() -> None:
    maximum = node_at(tree(PLANT), "assets", 0, "parameters", 0, "range", "max")

    assert (maximum.line, maximum.column, maximum.value) == (4, 51, 150)
    assert (maximum.key_line, maximum.key_column) == (4, 46)
    assert maximum.path() == ("assets", 0, "parameters", 0, "range", "max")


def test_a_key_within_braces_that_is_folded_over_two_lines_is_told_and_not_guessed() -> None:
    assert "braces are open" in refusal(b"a: {b c: 1, d\n  e: 2}\n")
    assert node_at(tree("a: {b: c\n  d, e: 2}"), "a", "b").value == "c d"


def test_columns_count_characters_and_not_bytes() -> None:
    assert node_at(tree("a: {b: grün ✓, c: 1}"), "a", "c").column == 19


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    root, faults = load(b"\xef\xbb\xbfversion: 1\n")

    assert root is not None
    assert faults == []
    assert root.data() == {"version": 1}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("No", "No"),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("012", 12),
        ("0x1F", 31),
        ("0o17", 15),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-.inf", float("-inf")),
        ("2025-01-10", "2025-01-10"),
        ("1.2.3", "1.2.3"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("!!float 12", 12.0),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_scalars_are_read_by_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    read = node_at(tree(f"a: {text}\n"), "a").value

    assert read == value
    assert type(read) is type(value)


def test_an_alias_stands_for_its_value_as_often_as_is_sensible() -> None:
    root = tree("a: &limits {min: 1, max: 2}\nb: *limits\n")

    assert root.data() == {"a": {"min": 1, "max": 2}, "b": {"min": 1, "max": 2}}
    assert node_at(root, "b", "max").path() == ("b", "max")
    assert node_at(root, "b", "max").line == 1


def test_a_doubled_key_is_told_and_the_rest_is_read() -> None:
    root, faults = load(b"a: 1\nb: {c: 1, c: 2}\na: 3\n")

    assert root is not None
    assert root.data() == {"a": 1, "b": {"c": 1}}
    assert [(fault.line, fault.column) for fault in faults] == [(2, 11), (3, 1)]


def test_depth_is_allowed_up_to_the_limit() -> None:
    assert load(f"a: {'[' * (MAX_DEPTH - 1)}{']' * (MAX_DEPTH - 1)}".encode())[1] == []
    assert "deeper" in refusal(f"a: {'[' * MAX_DEPTH}{']' * MAX_DEPTH}".encode())


def test_a_file_that_is_too_large_is_refused_before_it_is_parsed() -> None:
    assert "bytes" in refusal(b"#" * (MAX_BYTES + 1))


def test_thousands_of_open_brackets_do_no_harm() -> None:
    assert refusal(b"[" * 100_000) == f"nested deeper than {MAX_DEPTH} levels"


def test_keys_that_are_no_names_are_refused() -> None:
    assert refusal(b"? [a, b]\n: 1\n") == "a key is a list or a mapping"
    assert "used as a key" in refusal(b"a: &x k\n*x : 1\n")


# libyaml is stricter than YAML 1.2 with unquoted texts in braces that start with these two, and says so
_SIGNS = st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=("Cc", "Cs"), exclude_characters=":?")
_NAMES = st.text(_SIGNS, max_size=12)
_SCALARS = st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats(allow_nan=False) | _NAMES
_DATA = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES, inner, max_size=4), max_leaves=20
)


@given(st.dictionaries(_NAMES.filter(lambda name: name != "<<"), _DATA, min_size=1, max_size=4), st.booleans())
def test_what_another_yaml_library_writes_is_read_back(data: dict[str, Any], braces: bool) -> None:
    writer, text = YAML(typ="safe", pure=True), io.BytesIO()
    writer.allow_unicode = True
    if braces:
        # it folds keys within braces too, and cannot read those itself
        writer.width = 1 << 20
    else:
        writer.default_flow_style = False
    writer.dump(data, text)

    root, faults = load(text.getvalue())

    assert faults == [] or all("merge keys" in fault.message for fault in faults)
    if not faults:
        assert root is not None
        assert root.data() == data


@given(st.binary(max_size=200) | st.text("[]{}:,-&*!?|>'\"%@#\n\t ab1~<", max_size=200).map(str.encode))
def test_no_bytes_make_it_raise(text: bytes) -> None:
    root, faults = load(text)

    assert root is not None or faults
