"""The demo's folder: empty at each start, never one that holds somebody else's files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from adapters.simulator.ports import PORTS
from ironstream.embedded.locks import try_lock
from ironstream.errors import ConfigurationError

_MARK = "ironstream-demo.lock"
LAKE_AGE_S = 8.0


@contextmanager
def fresh_folder(folder: Path) -> Iterator[Path]:
    """`folder`, emptied of what an earlier demo left there, and locked against a second demo while it is entered.

    Raises ConfigurationError when it holds anything else, cannot be written, or another demo is using it.
    """
    mark = folder / _MARK
    try:
        if folder.exists() and not mark.exists() and any(folder.iterdir()):
            raise ConfigurationError(
                f"{folder} holds something that no demo has made, and a demo begins by emptying its folder.",
                "Name a folder that is empty or does not exist: --data-dir DIR.",
            )
        folder.mkdir(parents=True, exist_ok=True)
        lock = try_lock(mark)
        if lock is None:
            raise ConfigurationError(
                f"Another demo is running in {folder}.",
                "Stop it, or give this one another folder: --data-dir DIR.",
            )
        try:
            for entry in folder.iterdir():
                if entry.name == _MARK:
                    continue
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()
            yield folder
        finally:
            os.close(lock)
    except OSError as err:
        raise ConfigurationError(
            f"The demo cannot use {folder}: {err}", "Name another folder: --data-dir DIR."
        ) from err


def sample_topology() -> Path:
    """The topology.yaml of this checkout, else the one of the working folder. Raises ConfigurationError."""
    for path in (Path(__file__).resolve().parents[2] / "topology.yaml", Path("topology.yaml")):
        if path.exists():
            return path
    raise ConfigurationError("There is no topology.yaml to show.", "Run the demo in a checkout of ironstream.")


def write_topology(source: Path, target: Path, ports: Mapping[str, int]) -> None:
    """A copy of the sample whose pipelines read the simulated plant where it listens, `ports` by adapter.

    Its files of Parquet are made beside it, and soon enough to be seen. Raises ConfigurationError.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1000
    try:
        document: Any = yaml.load(source.read_text(encoding="utf-8"))
        for pipeline in document["pipelines"]:
            config, sample, port = pipeline["config"], PORTS.get(pipeline["adapter"]), ports.get(pipeline["adapter"])
            if sample is None or port is None:
                continue
            if config.get("port") == sample:
                config["port"] = port
            elif str(config.get("endpoint", "")).endswith(f":{sample}"):
                config["endpoint"] = config["endpoint"].removesuffix(str(sample)) + str(port)
        for sink in document.get("sinks", []):
            if sink["kind"] == "s3-parquet":
                sink["config"]["path"] = str(target.parent / "lake")
                sink["batch_age_s"] = LAKE_AGE_S
        with target.open("w", encoding="utf-8") as file:
            yaml.dump(document, file)
    except (OSError, YAMLError, KeyError, TypeError, AttributeError) as err:
        raise ConfigurationError(
            f"{source} cannot be used for the demo: {err}", f"`ironstream check {source}` says what is wrong with it."
        ) from err
