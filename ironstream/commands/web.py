"""`ironstream web`: the pages and the API."""

from __future__ import annotations

from typing import Annotated

import typer

from ironstream.commands.groups import RunWithoutArguments
from ironstream.commands.options import BootstrapOption, DataDirOption, TopologyOption, settings_of
from ironstream.commands.output import err
from ironstream.commands.signals import stop_on_signals
from ironstream.commands.web_token import token
from ironstream.log import configure_logging

app = typer.Typer(cls=RunWithoutArguments, help="The plant in a browser, and the API: `ironstream web` runs both.")


@app.command("run")
def web(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = 8080,
    bootstrap: BootstrapOption = None,
    topology: TopologyOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Show the plant in a browser, and serve the API under /api/v1, until SIGTERM or Ctrl-C.

    It reads Kafka alone, so it may run anywhere and needs no worker's address; it claims nothing, and writes nothing
    but what people change by it, each on audit_trail. It may be started before Kafka is, and outlives its restarts.

    Once there is a token (`ironstream web token`) or an OpenID Connect provider (IRONSTREAM_WEB_OIDC_ISSUER, …), one
    has to log in; without, it listens on loopback alone.

    Examples:

      ironstream web

      ironstream web --port 0 --bootstrap kafka-1:9092
    """
    settings = settings_of(bootstrap=bootstrap, topology=topology, data_dir=data_dir)
    configure_logging(settings.log_level, settings.log_format)
    # FastAPI is costly to import, which every other command would pay for
    from ironstream.web.options import WebOptions
    from ironstream.web.serve import serve

    console = err()

    def on_address(address: str) -> None:
        console.print(f"[bold green]web[/] on {address}; Ctrl-C ends it")

    # the server gives the signals that have ended it to whoever handled them before: that is an end in order
    with stop_on_signals() as stop:
        serve(settings, WebOptions(host=host, port=port), on_address, lambda: stop.requested)


app.command()(token)
