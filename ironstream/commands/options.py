"""Options that many commands share, and the settings they overrule."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from ironstream.commands.output import Output
from ironstream.errors import ConfigurationError
from ironstream.settings import ENV_PREFIX, Settings, load_settings

_UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

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


def length_of(text: str) -> timedelta:
    """A length of time such as 90s, 30m, 8h or 2d. Raises ConfigurationError for what is none."""
    match = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if match is None or int(match[1]) == 0:
        raise ConfigurationError(f"{text!r} is no length of time.", "Write 90s, 30m, 8h or 2d.")
    return timedelta(seconds=int(match[1]) * _UNITS_S[match[2]])
