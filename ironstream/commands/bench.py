"""`ironstream bench`: handed on to `ironstream.bench`."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import typer

from ironstream.errors import ConfigurationError


def bench(ctx: typer.Context) -> None:
    """Measure this machine: `ironstream bench pipeline --help` says what there is."""
    # only who measures pays for what the benchmarks import
    if find_spec("ironstream.bench") is None or find_spec("ironstream.bench.cli") is None:
        raise ConfigurationError(
            "The benchmarks (ironstream.bench) are not part of this installation.", "Run it from a full checkout."
        )
    import_module("ironstream.bench.cli").app(args=ctx.args, prog_name="ironstream bench")
