"""Rows as CSV, for spreadsheets."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from fastapi.responses import Response

from ironstream.domain.times import to_iso

INCOMPLETE: Final = "# incomplete: more follows; go on with cursor="
"""First cell of the last row of a file that is not all of it."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def csv_response(name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], next_: str | None) -> Response:
    """The rows as a file `name`. Where there are more, the last row says so and has the cursor of the next page, which
    is in the header X-Next too."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_cell(cell) for cell in row] for row in rows)
    if next_ is not None:
        # a header is seen by programs alone: whoever opens the file must not take it for all there is
        writer.writerow((INCOMPLETE, next_))
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    if next_ is not None:
        headers["X-Next"] = next_
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def file_name(what: str, from_us: int, to_us: int) -> str:
    """Name of a file about a series (its id, and what more there is to say) between two times."""
    span = (to_iso(at // 1_000_000 * 1_000_000) for at in (from_us, to_us))
    return "_".join((what.replace("/", "-"), *(re.sub(r"[-:]|\.000", "", at) for at in span))) + ".csv"


def _cell(cell: Any) -> Any:
    # a spreadsheet would run what a device has named so
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
