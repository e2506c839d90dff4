from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.errors import ConfigurationError
from ironstream.names import IdentityPart
from ironstream.telegraf.device import Options
from ironstream.telegraf.names import identity, unused
from ironstream.telegraf.plan import read_telegraf
from ironstream.telegraf.source import seconds_of, sections
from ironstream.topology.model.base import Part

CASES = Path(__file__).parents[3] / "cases" / "telegraf"
GUID = "72962b91-fa75-4ae6-8d28-b404dc7daf63"
TEXTS = [
    (CASES / name / "telegraf.conf").read_text(encoding="utf-8").replace("no guid", GUID)
    for name in ("register-style", "request-style", "metric-style", "serial-line", "opcua-polled", "opcua-listener")
]
PLACES = [
    (text, number)
    for text in TEXTS
    for number, line in enumerate(text.splitlines())
    if ("{ " in line or "{name" in line or line.lstrip().startswith("[")) and "omit" not in line
]


class Named(Part):
    name: IdentityPart


@pytest.mark.parametrize(("text", "number"), PLACES)
def test_a_field_that_nobody_knows_is_told_with_its_line_wherever_it_stands(text: str, number: int) -> None:
    lines = text.splitlines()
    line = lines[number]
    if line.lstrip().startswith("["):
        lines.insert(number + 1, "zz_unknown = 1")
        number += 1
    else:
        lines[number] = re.sub(r"\{ ?", "{ zz_unknown = 1, ", line, count=1)

    _, notes = read_telegraf("\n".join(lines), "t.conf", Options(), {"MIXER_HOST": "m"})

    assert [note.line for note in notes if "zz_unknown" in note.message] == [number + 1]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10s", 10), ("1m30s", 90), ("250ms", 0.25), ("1h", 3600), ("5", 5), (2, 2), ("1.5s", 1.5), ("", None),
     ("fast", None), ("1s fast", None), (True, None)],
)  # fmt: skip
def test_durations_are_read_as_telegraf_writes_them(text: object, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


def test_variables_are_filled_in_with_their_defaults_and_not_in_comments() -> None:
    text = '[[inputs.opcua]]\n# ${NOBODY}\nendpoint = "${URL}"\nname = "${NAME:-kiln}"\n'

    found, _ = sections(text, "t.conf", {"URL": "opc.tcp://a"})

    assert [found["inputs.opcua"][0].text(key) for key in ("endpoint", "name")] == ["opc.tcp://a", "kiln"]


def test_a_variable_that_is_not_set_is_told_with_its_line() -> None:
    with pytest.raises(ConfigurationError, match=r"t.conf:2: \$\{URL\} is not set"):
        sections('[[inputs.opcua]]\nendpoint = "${URL}"\n', "t.conf", {})


def test_what_is_no_toml_is_told_with_its_line() -> None:
    with pytest.raises(ConfigurationError, match=r"t.conf is no TOML: .*line 2"):
        sections("[[inputs.modbus]]\nname name\na = 1\n", "t.conf", {})


@given(st.text())
def test_every_name_becomes_one_that_may_stand_in_a_topology(text: str) -> None:
    assert Named(name=identity(text, "device")).name


def test_a_name_that_is_taken_gets_a_number() -> None:
    assert unused("a", {"a", "a-2"}) == "a-3"
