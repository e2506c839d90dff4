from __future__ import annotations

import csv
import io
from contextlib import suppress
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_serializer

from adapters.modbus.config import Tag
from adapters.registry import ADAPTERS
from adapters.simulator.registers import REGISTERS
from ironstream.errors import ConfigurationError
from ironstream.gateway.report_config import ReportConfig
from ironstream.topology.lists.entries import columns, entries_from_csv, entries_to_csv


class Kind(StrEnum):
    NONE = "none"
    PERCENT = "percent"


class Deadband(BaseModel):
    model_config = ConfigDict(extra="forbid")
    type: Kind = Kind.NONE
    value: float = 0.0


class Short(BaseModel):
    """Writes itself as one text, which is not all that it is."""

    type: Kind = Kind.NONE
    value: float = 0.0

    @model_serializer
    def _short(self) -> str:
        return f"{self.value:g}"


class Filter(BaseModel):
    model_config = ConfigDict(extra="forbid")
    deadband: Deadband | None = None
    size: int = 10


class Empty(BaseModel):
    a: int | None = None


class Everything(BaseModel):
    """A tag with every kind of field that a cell has to hold."""

    model_config = ConfigDict(extra="forbid")
    node: str
    name: Annotated[str, StringConstraints(min_length=1)]
    unit: str | None = None
    label: str | None = "none"
    note: str = "x"
    number: float | None = None
    default_number: float | None = 1.0
    flag: bool = False
    mode: Literal["a", "b"] = "a"
    codes: tuple[int, ...] = ()
    limits: dict[str, float] = Field(default_factory=dict)
    path: list[str] | str | None = None
    equals: bool | int | float | str | None = None
    filter: Filter | None = None
    deadband: Deadband = Deadband(type=Kind.PERCENT)
    short: Short = Short()
    nothing: Empty | None = None
    report: ReportConfig | None = None


TRAPS = (
    *("", "'", "''", "=1+1", "'=x", "''-", "+x", "-5", "@a", " a", "a ", "null", "'null", "1", "true", "[1]", '"q"'),
    *("a,b", "a;b", "a\nb", "a\r\nb", "\r", "\t", "0,5", "\ufeff", "{", "'a", "-", "°C", "sep=;"),
)
TEXT = st.text(st.characters(blacklist_categories=["Cs"]), max_size=12) | st.sampled_from(TRAPS)
NUMBER = st.floats(allow_nan=False)
DEADBAND = st.builds(Deadband, type=st.sampled_from(Kind), value=NUMBER)
EVERYTHING = st.builds(
    Everything,
    node=TEXT,
    name=TEXT.filter(bool),
    unit=st.none() | TEXT,
    label=st.none() | TEXT,
    note=TEXT,
    number=st.none() | NUMBER,
    default_number=st.none() | NUMBER,
    flag=st.booleans(),
    mode=st.sampled_from(["a", "b"]),
    codes=st.lists(st.integers(), max_size=3).map(tuple),
    limits=st.dictionaries(TEXT, NUMBER, max_size=2),
    path=st.none() | TEXT | st.lists(TEXT, max_size=2),
    equals=st.none() | TEXT | st.booleans() | st.integers() | NUMBER,
    filter=st.none() | st.builds(Filter, deadband=st.none() | DEADBAND, size=st.integers()),
    deadband=DEADBAND,
    short=st.builds(Short, type=st.sampled_from(Kind), value=NUMBER),
    nothing=st.none() | st.builds(Empty, a=st.none() | st.integers()),
    report=st.sampled_from([None, ReportConfig(), ReportConfig.model_validate({"mode": "on_period", "period_s": 5})]),
)


@given(st.lists(EVERYTHING, min_size=1, max_size=3))
def test_whatever_a_tag_holds_comes_back_exactly(tags: list[Everything]) -> None:
    listed = entries_from_csv(entries_to_csv(tags, Everything), Everything)

    assert [tag.value for tag in listed] == tags
    assert [Everything.model_validate(tag.fields) for tag in listed] == tags
    assert [type(tag.value.equals) for tag in listed if isinstance(tag.value, Everything)] == [
        type(t.equals) for t in tags
    ]


@given(st.text(), st.sampled_from(["", "name,address\n", "name;address\n", '"', "name,address,type,scale\n"]))
def test_text_that_is_no_list_raises_nothing_but_the_error_that_says_so(text: str, head: str) -> None:
    with suppress(ConfigurationError):
        assert all(isinstance(listed.value, Tag) for listed in entries_from_csv(head + text, Tag))


@pytest.mark.parametrize("unit_id", sorted(REGISTERS))
def test_what_is_exported_is_imported_again_as_it_was(unit_id: int) -> None:
    tags = [Tag.model_validate(entry.tag()) for entry in REGISTERS[unit_id]]
    assert [listed.value for listed in entries_from_csv(entries_to_csv(tags, Tag), Tag)] == tags


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_the_name_of_a_tag_is_the_first_column_of_every_adapter(name: str) -> None:
    assert columns(ADAPTERS[name].tag_model)[0] == "name"


def test_nested_fields_have_columns_of_their_own_and_what_fits_no_cell_is_json() -> None:
    tag = Everything(
        name="a",
        node="n",
        codes=(1, 2),
        filter=Filter(deadband=Deadband()),
        deadband=Deadband(),
        report=ReportConfig(),
        nothing=Empty(),
    )
    ((header, row), *_) = [list(csv.reader(io.StringIO(entries_to_csv([tag], Everything))))]
    cells = {column: cell for column, cell in zip(header, row, strict=True) if cell}

    assert cells == {
        "name": "a",
        "node": "n",
        "codes": "[1, 2]",
        "filter.deadband.type": "none",
        "deadband.type": "none",
        "nothing": "{}",
        "report.mode": "on_received",
    }


def test_a_text_that_a_spreadsheet_would_run_is_guarded_and_a_number_is_not() -> None:
    text = entries_to_csv([Everything(name="=HYPERLINK(1)", node="@SUM(A1)", unit="-x", number=-5.5)], Everything)

    assert text.splitlines()[1].startswith("'=HYPERLINK(1),'@SUM(A1),'-x,,,-5.5,")


def test_a_list_from_a_spreadsheet_may_have_its_own_order_semicolons_decimal_commas_and_a_byte_order_mark() -> None:
    text = "\ufeffaddress;name;type;scale;event;;\r\n4;speed;INT16;0,1;;;\r\n;;;;;;\r\n\r\n"
    text += '5;" running ";UINT16;;TRUE;;\r\n'
    assert [(listed.line, listed.fields) for listed in entries_from_csv(text, Tag)] == [
        (2, {"name": "speed", "address": 4, "type": "INT16", "scale": 0.1}),
        (5, {"name": "running", "address": 5, "type": "UINT16", "event": True}),
    ]


def test_a_spreadsheet_may_say_its_separator_and_lines_are_counted_all_the_same() -> None:
    listed = entries_from_csv('sep=;\nname;address;unit\na;1;"x\ny"\nb;2;\n', Tag)

    assert [(tag.line, tag.fields["name"]) for tag in listed] == [(3, "a"), (5, "b")]


def test_cells_may_be_separated_by_tabs() -> None:
    assert entries_from_csv("name\taddress\na\t1\n", Tag)[0].fields["address"] == 1


def test_every_line_at_fault_is_named_with_its_column_and_the_mend() -> None:
    with pytest.raises(ConfigurationError) as caught:
        entries_from_csv(
            "name,address,type,report.mode\na,-1,INT16,\nb,2,INT16,\n\nc,x,WHAT,\n,5,,\nd,6,,on_period\ne,7,,,,8\n",
            Tag,
            filename="list.csv",
        )
    faults = caught.value.message.splitlines()
    assert [fault.partition(": ")[0] for fault in faults] == [
        "list.csv:2", "list.csv:5", "list.csv:5", "list.csv:6", "list.csv:7", "list.csv:8",
    ]  # fmt: skip
    assert "column address: `address` must be at least 0, not -1 (mend:" in faults[0]
    assert "column type: `type` cannot be 'WHAT' (mend: write one of BIT" in faults[2]
    assert "column name: required field `name` is missing" in faults[3]
    assert "column report: mode on_period needs period_s > 0" in faults[4]
    assert "cell 6 ('8') stands below no column" in faults[5]


def test_a_cell_that_must_be_json_and_is_not_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"line 2: column codes: is not JSON; write lists as"):
        entries_from_csv('name,node,codes\na,n,"1, 2"\n', Everything)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "line 1: there is no header"),
        ("\n\n", "line 1: there is no header"),
        ("name,colour,address\na,red,1\n", "line 1: unknown column 'colour'"),
        ("name,adress\na,1\n", "did you mean 'address'?"),
        ("name,address,name\na,1,b\n", "line 1: column name is there twice"),
        ("name,unit\na,bar\n", "line 1: column address is missing"),
        ("\n\nname\na\n", "line 3: column address is missing"),
    ],
)
def test_a_header_that_is_missing_unknown_or_doubled_names_the_columns(text: str, fault: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        entries_from_csv(text, Tag)
    assert fault in caught.value.message
    assert "address" in caught.value.hint


@pytest.mark.parametrize("text", ['name,address\na,"1\n', 'name,address\n"a"b,1\n'])
def test_quotes_that_do_not_close_or_stand_in_the_middle_are_refused_with_the_line(text: str) -> None:
    with pytest.raises(ConfigurationError, match="line 2: is not CSV"):
        entries_from_csv(text, Tag)


def test_who_waits_is_told_of_each_line() -> None:
    seen: list[Any] = []
    entries_from_csv("name,address\na,1\n\nb,2\n", Tag, on_line=seen.append)

    assert seen == [2, 4]
