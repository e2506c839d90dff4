"""`ironstream sink test`: can the target of a sink be reached with what is configured?"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer
from rich.text import Text

from ironstream.commands.options import OutputOption, TopologyOption, settings_of
from ironstream.commands.output import Output, out, print_json
from ironstream.commands.redacted import without_secrets
from ironstream.commands.sink_named import NameArgument, NamedSink, sink_named


def reach(
    name: NameArgument,
    timeout_s: Annotated[
        float, typer.Option("--timeout", metavar="S", help="Longest wait for the target.", min=0.1)
    ] = 30.0,
    topology: TopologyOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Resolve the secrets of a sink, reach its target, and say what was found; no data are written.

    Where a kind has no test of its own, it connects as it does when it runs, which makes what is missing there. The
    exit code is 1 when the target cannot be used; what to do about it is said on stderr.

    Examples:

      ironstream sink test archive

      ironstream sink test archive --output json
    """
    sink = sink_named(settings_of(topology=topology), name)
    found = asyncio.run(reached(sink, timeout_s))
    if output is Output.JSON:
        print_json({"id": name, "kind": sink.part.kind, "reached": True, "found": found})
    else:
        out().print(Text(f"{name} ({sink.part.kind}): ", style="bold green") + Text(found))


async def reached(sink: NamedSink, timeout_s: float) -> str:
    """What the kind's own test finds at the target, as a sentence without secrets; or that it could be connected.

    Raises ConfigurationError, SinkError.
    """
    from ironstream.gateway.secrets import SecretPlaces
    from ironstream.sinks.configured import configured
    from ironstream.sinks.sink import SinkUnavailableError

    config, redact = await configured(sink.part, sink.kind, SecretPlaces.from_environment())
    with without_secrets(redact):
        try:
            async with asyncio.timeout(timeout_s):
                if sink.kind.test is not None:
                    return redact(await sink.kind.test(config, sink.context))
                await _connect(sink, config)
                return "connected"
        except TimeoutError:
            raise SinkUnavailableError(
                f"the target of sink {sink.part.id} has not answered within {timeout_s:g} s",
                "check its address, and what is between it and this machine; --timeout S waits longer",
            ) from None


async def _connect(sink: NamedSink, config: Any) -> None:
    made = sink.kind.build(config, sink.context)
    try:
        await made.connect()
    finally:
        await made.close()
