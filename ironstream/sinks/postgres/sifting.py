"""Which rows of many the server refuses: found by the server itself, in one call for as many as the time allows.

A call tries pieces of the staged rows, each in a subtransaction: the next one is twice as long where one went well,
half as long where it was refused; a row that is refused alone is at fault. So a row at fault costs about 3 log2(rows)
tries where it is alone among good ones, and one where all are refused. Texts are staged as bytes: one that the server
cannot read is refused like any other row, when it is put into its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ironstream.sinks.postgres.copy import Encoded, encode_columns
from ironstream.sinks.postgres.errors import refusal_text
from ironstream.sinks.postgres.statements import quoted, write_statements
from ironstream.sinks.postgres.tables import Column, Table
from ironstream.sinks.sink import SinkUnavailableError

CALL_S: Final = 1.0
"""How long a call goes on, at most, about. What it has found is told when it returns."""
TRY_S: Final = 30.0
"""After this a try ends by itself and says how far it got, well before the time that a write may take is over."""
_BYTES: Final = {"text": "bytea", "text[]": "bytea[]"}
_NUMBER: Final = "#"
_FUNCTION: Final = """
CREATE OR REPLACE FUNCTION {name}(sift_next integer, sift_end integer, sift_piece integer, sift_s double precision)
RETURNS TABLE (sift_place integer, sift_size integer,
  sift_state text, sift_message text, sift_detail text, sift_hint text)
LANGUAGE plpgsql AS $sift$
#variable_conflict use_column
DECLARE
  sift_until CONSTANT timestamptz := clock_timestamp() + make_interval(secs => sift_s);
  sift_constraint text;
BEGIN
  WHILE sift_next < sift_end LOOP
    BEGIN
      {statements};
      sift_next := sift_next + sift_piece;
      sift_piece := least(sift_piece * 2, 1 << 20);
    EXCEPTION WHEN data_exception OR integrity_constraint_violation OR program_limit_exceeded THEN
      GET STACKED DIAGNOSTICS sift_state = RETURNED_SQLSTATE, sift_message = MESSAGE_TEXT,
        sift_detail = PG_EXCEPTION_DETAIL, sift_hint = PG_EXCEPTION_HINT, sift_constraint = CONSTRAINT_NAME;
      IF sift_state = '23514' AND sift_constraint = '' THEN
        RAISE;
      ELSIF sift_piece > 1 THEN
        sift_piece := sift_piece / 2;
      ELSE
        sift_place := sift_next;
        RETURN NEXT;
        sift_next := sift_next + 1;
      END IF;
    END;
    EXIT WHEN clock_timestamp() > sift_until;
  END LOOP;
  sift_place := sift_next; sift_size := sift_piece; sift_state := NULL;
  RETURN NEXT;
END $sift$"""


def stage_name(table: Table) -> str:
    """Name of the staging table of numbered rows, of each connection its own."""
    return f"sift_{table.name}"


def stage_names(table: Table) -> tuple[str, ...]:
    """Its columns, in the order of `numbered`."""
    return (*table.names, _NUMBER)


def numbered(table: Table, encoded: Encoded, columns: Mapping[str, pa.Array], order: NDArray[np.int64]) -> Encoded:
    """The encoded columns as that table takes them: with the place of each row in `order`, and lists as bytes."""
    numbers = np.zeros(len(columns[table.names[0]]), np.int32)
    numbers[order] = np.arange(len(order))
    lists = {column.name: _BYTES["text[]"] for column in table.columns if column.type == "text[]"}
    return {**encoded, **encode_columns(lists | {_NUMBER: "integer"}, {**columns, _NUMBER: pa.array(numbers)})}


def prepare_statements(schema: str, table: Table) -> Iterator[str]:
    """What makes the staging table and the function, where a transaction that failed has not left them."""
    columns = ", ".join(f"{quoted(one.name)} {_BYTES.get(one.staged_type, one.staged_type)}" for one in table.columns)
    stage, number = quoted(stage_name(table)), quoted(_NUMBER)
    yield f"CREATE TEMP TABLE IF NOT EXISTS {stage} ({columns}, {number} integer PRIMARY KEY) ON COMMIT DELETE ROWS"
    source = (
        f"(SELECT {', '.join(_text_of(column) for column in table.columns)} FROM {stage}"
        f" WHERE {number} >= sift_next AND {number} < least(sift_next + sift_piece, sift_end)) AS staged"
    )
    yield _FUNCTION.format(name=_function(table), statements=";\n      ".join(write_statements(schema, table, source)))


async def sift(connection: Any, table: Table, rows: int, call_s: float, found: dict[int, str]) -> None:
    """Write the staged rows; `found` gets place and reason of each that is refused, after each call of `call_s`.

    Raises SinkUnavailableError after `TRY_S`.
    """
    clock = asyncio.get_running_loop().time
    place, piece, until_s = 0, 1, clock() + TRY_S
    while place < rows:
        if clock() > until_s:
            raise SinkUnavailableError(
                f"{table.name}: {len(found)} of the first {place} of {rows} rows are refused; the next try goes on",
                "Look for a constraint or trigger that refuses many rows (dlq.sinks names it), or takes long for each.",
            )
        *refused, last = await connection.fetch(
            f"SELECT * FROM {_function(table)}($1, $2, $3, $4)", place, rows, piece, call_s
        )
        found.update((row["sift_place"], _reason(row)) for row in refused)
        place, piece = last["sift_place"], last["sift_size"]


def _function(table: Table) -> str:
    return f"pg_temp.{quoted(stage_name(table))}"


def _text_of(column: Column) -> str:
    name = quoted(column.name)
    if column.staged_type == "text":
        return f"convert_from({name}, 'UTF8') AS {name}"
    if column.staged_type == "text[]":
        words = f"SELECT convert_from(word, 'UTF8') FROM unnest({name}) WITH ORDINALITY AS w (word, at) ORDER BY at"
        return f"CASE WHEN {name} IS NOT NULL THEN ARRAY({words}) END AS {name}"
    return name


def _reason(row: Any) -> str:
    lines = [row["sift_message"]]
    lines += [f"{word}:  {row[name]}" for word, name in (("DETAIL", "sift_detail"), ("HINT", "sift_hint")) if row[name]]
    return refusal_text("\n".join(lines), row["sift_state"])
