"""`python -m adapters`: one adapter as a process, configured by CONFIG_JSON; the way a container runs it.

`python -m adapters --control` is a process of a gateway: it is told on stdin what to run.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from math import inf
from pathlib import Path

import structlog

from adapters.registry import ADAPTERS
from ironstream.errors import ConfigurationError, IronstreamError
from ironstream.gateway.config_json import read_config_json
from ironstream.gateway.processes.controlled import run_controlled
from ironstream.gateway.processes.messages import Failed, encode
from ironstream.gateway.secrets import SecretPlaces
from ironstream.gateway.settings import GatewaySettings
from ironstream.gateway.supervisor import run_adapter
from ironstream.log import configure_logging
from ironstream.settings import load_settings


def settings_from_environment() -> GatewaySettings:
    """The gateway's settings from the environment; CONFIG_JSON may overrule Kafka's address.

    Beside the product's own settings: IRONSTREAM_HEALTH_HOST, IRONSTREAM_HEALTH_PORT (8080; 0 takes a free one),
    IRONSTREAM_BUFFER_DIR (unset: what waits for Kafka waits in memory), IRONSTREAM_BUFFER_MAX_MB (1024; in MiB),
    IRONSTREAM_BUFFER_MAX_AGE_S (unset: any age), IRONSTREAM_SECRETS_DIR, VAULT_ADDR and VAULT_TOKEN. Raises
    ConfigurationError when one of them cannot be used.
    """
    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format)
    port = os.environ.get("IRONSTREAM_HEALTH_PORT", "8080")
    if not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise ConfigurationError(
            f"IRONSTREAM_HEALTH_PORT {port!r} is not a port", "give 0 to 65535; 0 takes a free one"
        )
    secrets = SecretPlaces.from_environment()
    buffer_dir = os.environ.get("IRONSTREAM_BUFFER_DIR")
    buffer_mb = _positive("IRONSTREAM_BUFFER_MAX_MB", "MiB")
    return GatewaySettings.of(
        settings,
        health_host=os.environ.get("IRONSTREAM_HEALTH_HOST", "127.0.0.1"),
        health_port=int(port),
        buffer_dir=Path(buffer_dir) if buffer_dir else None,
        buffer_max_age_s=_positive("IRONSTREAM_BUFFER_MAX_AGE_S", "seconds"),
        **({} if buffer_mb is None else {"buffer_max_bytes": int(buffer_mb * 1024 * 1024)}),
        secrets_dir=secrets.secrets_dir,
        vault_url=secrets.vault_url,
        vault_token=secrets.vault_token,
    )


def _positive(name: str, unit: str) -> float | None:
    text = os.environ.get(name)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < inf:
        raise ConfigurationError(f"{name} {text!r} is not a number above 0", f"give it in {unit}")
    return value


def _say_where(port: int) -> None:
    # whoever asked for a free port reads it here
    sys.stderr.write(f"health and metrics on port {port}\n")
    sys.stderr.flush()


def main(arguments: Sequence[str] = ()) -> int:
    """Run until SIGTERM; the exit code: 0 done, 1 failed, 2 bad configuration (every fault on stderr)."""
    try:
        if list(arguments) == ["--control"]:
            return _controlled()
        if arguments:
            raise ConfigurationError(f"{' '.join(arguments)}: not understood", "give nothing, or --control")
        text = os.environ.get("CONFIG_JSON")
        if not text:
            raise ConfigurationError(
                "CONFIG_JSON is not set", "set it to base64 of the adapter's configuration in JSON"
            )
        pipeline, settings = read_config_json(text, ADAPTERS, settings_from_environment())
        return asyncio.run(run_adapter(pipeline, settings, adapters=ADAPTERS, on_ready=_say_where))
    except IronstreamError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


def _controlled() -> int:
    # stdout is the line to the gateway: whatever a library prints must not come in between
    said_to = os.dup(1)
    os.dup2(2, 1)
    structlog.contextvars.bind_contextvars(process=os.environ.get("IRONSTREAM_PROCESS"))

    def say(line: bytes) -> None:
        # without a gateway nobody listens, and the end of stdin is about to tell
        with suppress(BrokenPipeError):
            os.write(said_to, line)

    try:
        settings = settings_from_environment()
        return asyncio.run(run_controlled(settings, adapters=ADAPTERS, source=0, say=say))
    except ConfigurationError as error:
        say(encode(Failed(str(error))))
        raise


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
