"""Groups of commands of which one is meant where none is named."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup


class RunByDefault(TyperGroup):
    """`adapter NAME` means `adapter run NAME`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `run` before what is no command of the group."""
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args.insert(0, "run")
        return super().parse_args(ctx, args)


class RunWithoutArguments(RunByDefault):
    """`web` alone means `web run`, too."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `run` where nothing is given."""
        return super().parse_args(ctx, args or ["run"])
