"""Writes the dashboards: `python -m deploy.grafana.build` (`make dashboards`)."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana import sql
from deploy.grafana.boards import alarms, asset, fleet, pipeline, quality

FOLDER: Final = Path(__file__).parent / "dashboards"
BOARDS: Final[Mapping[str, Callable[[str, Mapping[str, int]], Dashboard]]] = {
    "fleet": fleet.dashboard,
    "asset": asset.dashboard,
    "quality": quality.dashboard,
    "alarms": alarms.dashboard,
    "pipeline": pipeline.dashboard,
}
_UNITS_S: Final = {"s": 1, "min": 60, "hour": 3600}


def rendered(schema: str = "ironstream", sizes: Mapping[str, int] = sql.SIZES) -> dict[str, str]:
    """The dashboards by file name, as text. Same in, same out."""
    return {
        f"{name}.json": JSONEncoder(indent=2, sort_keys=True, ensure_ascii=False).encode(board(schema, sizes)) + "\n"
        for name, board in BOARDS.items()
    }


def size_of(name: str) -> int:
    """Seconds of a window size as topics name it: 1s, 10s, 1min, 1hour. Raises ValueError."""
    found = re.fullmatch(r"([1-9][0-9]*)(s|min|hour)", name)
    if found is None:
        raise ValueError(f"{name!r} is no size of windows; write 1s, 10s, 1min or 1hour")
    return int(found[1]) * _UNITS_S[found[2]]


def _schema(text: str) -> str:
    if re.fullmatch(r"[a-z_][a-z0-9_]*", text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no plain name of a schema")
    return text


def _sizes(text: str) -> dict[str, int]:
    try:
        return dict(sorted(((name, size_of(name)) for name in text.split(",")), key=lambda one: one[1]))
    except ValueError as err:
        raise argparse.ArgumentTypeError(str(err)) from err


def main() -> None:
    """Write every dashboard."""
    parser = argparse.ArgumentParser(description="Write the Grafana dashboards.")
    parser.add_argument("--schema", type=_schema, default="ironstream", help="`schema` of the sink's configuration")
    parser.add_argument("--sizes", type=_sizes, default=dict(sql.SIZES), help="window sizes that are stored: 1s,1min")
    parser.add_argument("--into", type=Path, default=FOLDER, help="folder that they go to")
    given = parser.parse_args()
    given.into.mkdir(parents=True, exist_ok=True)
    for name, text in rendered(given.schema, given.sizes).items():
        (given.into / name).write_text(text, encoding="utf-8")
        print(f"{given.into / name}: {len(json.loads(text)['panels'])} panels")


if __name__ == "__main__":
    main()
