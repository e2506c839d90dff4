"""What `ironstream query` prints: for people with local times, for programs in UTC."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
from rich.text import Text

from ironstream.commands.output import out, print_json, print_table
from ironstream.domain.times import EPOCH, to_iso
from ironstream.query.export import csv_table
from ironstream.query.series import SeriesRows, columns_shown
from ironstream.query.shapes import label_of, shape_of
from ironstream.query.store import LastValue

_STYLES: Final = {"SUSPECT": "yellow", "UNCERTAIN": "yellow", "BAD": "bold red"}
_LAST: Final = (
    "tenant_id", "site_id", "asset_id", "parameter", "value", "unit", "quality", "reasons", "time", "age_s",
)  # fmt: skip


def print_last(found: Sequence[LastValue], output: str, now_us: int, nothing: str) -> None:
    """Last values; `nothing` is said to people where there are none."""
    if output == "json":
        print_json([_last_row(one, now_us) | {"reasons": one.reasons} for one in found])
    elif output == "csv":
        writer = csv.DictWriter(sys.stdout, _LAST, lineterminator="\n")
        writer.writeheader()
        writer.writerows(_last_row(one, now_us) for one in found)
    elif found:
        rows = [
            (
                str(one.series),
                _number(one.value),
                one.unit or "",
                Text(" ".join((one.quality, *one.reasons)), style=_STYLES.get(one.quality, "")),
                _local(one.time_us),
                _age(now_us - one.time_us),
            )
            for one in found
        ]
        print_table("", ("series", "value", "unit", "quality", f"time ({_zone(now_us)})", "age"), rows)
    else:
        out().print(nothing, style="yellow", markup=False)


def print_series(found: SeriesRows, output: str, first_us: int, end_us: int) -> None:
    """Rows of a series."""
    table = found.table
    if output == "csv":
        text = io.BytesIO()
        pcsv.write_csv(csv_table(table), text)
        sys.stdout.write(text.getvalue().decode())
    elif output == "json":
        print_json(
            {
                "series": str(found.series),
                "resolution": found.resolution,
                "from": to_iso(first_us),
                "to": to_iso(end_us),
                "rows": _with_times(table, to_iso).to_pylist(),
            }
        )
    else:
        shape = shape_of(label_of(found.resolution))
        shown = columns_shown(shape.data_class)
        rows = _with_times(table.select(shown), _local).to_pylist()
        print_table(
            f"{found.series}: {found.resolution}, {len(table):,} rows, times in {_zone(end_us)}",
            [name.replace("_", " ") for name in shown],
            [[_cell(name, value) for name, value in row.items()] for row in rows],
        )


def _last_row(one: LastValue, now_us: int) -> dict[str, Any]:
    series = one.series
    return {
        "tenant_id": series.tenant_id,
        "site_id": series.site_id,
        "asset_id": series.asset_id,
        "parameter": series.parameter,
        "value": one.value,
        "unit": one.unit,
        "quality": one.quality,
        "reasons": ";".join(one.reasons),
        "time": to_iso(one.time_us),
        "age_s": round((now_us - one.time_us) / 1_000_000, 3),
    }


def _with_times(table: pa.Table, shown: Any) -> pa.Table:
    for at, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            times = pc.cast(table[field.name], pa.int64()).to_pylist()
            texts = pa.array([None if us is None else shown(us) for us in times], pa.string())
            table = table.set_column(at, field.name, texts)
    return table


def _cell(name: str, value: Any) -> Any:
    if name == "quality":
        return Text(value, style=_STYLES.get(value, ""))
    if isinstance(value, list):
        return " ".join(value)
    if isinstance(value, bool):
        return "yes" if value else ""
    return _number(value) if isinstance(value, float) else value


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.6g}"


def _local(us: int) -> str:
    time = (EPOCH + timedelta(microseconds=us)).astimezone()
    return time.strftime("%Y-%m-%d %H:%M:%S") + (f".{us % 1_000_000 // 1000:03}" if us % 1_000_000 else "")


def _zone(us: int) -> str:
    return datetime.fromtimestamp(us / 1_000_000, UTC).astimezone().tzname() or "local time"


def _age(us: int) -> str:
    """A length of time in the unit that says enough: `12 s`, `5 min`, `3.2 h`, `12 d`."""
    seconds = us / 1_000_000
    if seconds < 0:
        return "in the future"
    for limit, unit_s, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit_s:.3g} {unit}"
    return f"{seconds / 86_400:.0f} d"
