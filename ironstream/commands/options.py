"""Options that many commands share, and the settings they overrule."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from ironstream.commands.output import Output
from ironstream.settings import ENV_PREFIX, Settings, load_settings

BootstrapOption = Annotated[
    str | None,
    typer.Option("--bootstrap", "-b", metavar="HOST:PORT", help="Kafka brokers to start from [IRONSTREAM_BOOTSTRAP]."),
]
TopologyOption = Annotated[
    Path | None, typer.Option("--topology", "-t", metavar="FILE", help="topology.yaml [IRONSTREAM_TOPOLOGY].")
]
DataDirOption = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="DIR", help="Folder of state and embedded Kafka [IRONSTREAM_DATA_DIR]."),
]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="Tables for people, or JSON for programs.")]


def settings_of(**overrides: Any) -> Settings:
    """Settings from the environment with what the command line overrules. Raises ConfigurationError."""
    return load_settings(**overrides)


def export_settings(**overrides: Any) -> None:
    """Put what the command line overrules into the environment, for code that reads the settings from there alone."""
    for name, value in overrides.items():
        if value is not None:
            os.environ[f"{ENV_PREFIX}{name.upper()}"] = str(value)
