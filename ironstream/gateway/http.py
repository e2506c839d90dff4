"""Serving a few pages over HTTP, on loopback unless told otherwise."""

from __future__ import annotations

from aiohttp import web

from ironstream.errors import ConfigurationError


async def serve(app: web.Application, host: str, port: int) -> tuple[web.AppRunner, int]:
    """Serve `app`: what to clean up afterwards, and the real port where `port` is 0.

    Raises ConfigurationError when the address cannot be had.
    """
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise ConfigurationError(
            f"health address {host}:{port} cannot be had: {error.strerror}", "choose another port, or 0 for a free one"
        ) from error
    return runner, runner.addresses[0][1]
