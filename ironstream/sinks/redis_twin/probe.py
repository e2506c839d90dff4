"""What `ironstream sink test` finds at a Redis, without writing to it."""

from __future__ import annotations

from typing import Final

from ironstream.sinks.redis_twin.config import RedisTwinConfig
from ironstream.sinks.redis_twin.connection import Connections
from ironstream.sinks.sink import SinkUnavailableError

_OLDEST: Final = (6, 2)


async def probe(config: RedisTwinConfig) -> str:
    """Version, memory and what happens when it is full, as a sentence. Raises SinkUnavailableError."""
    connections = Connections(config)
    try:
        await connections.open()
        told = await connections.info()
    finally:
        await connections.close()
    version = str(told.get("redis_version", ""))
    numbers = version.split(".")
    if all(part.isdigit() for part in numbers[:2]) and tuple(map(int, numbers[:2])) < _OLDEST:
        raise SinkUnavailableError(f"{connections.where} is version {version}", "The twin needs 6.2 or newer.")
    said = [f"{connections.where} answers", f"version {version}" if version else "version not told"]
    if "used_memory_human" in told:
        most = int(told.get("maxmemory", 0))
        said.append(f"{told['used_memory_human']} in use")
        said.append(f"at most {told.get('maxmemory_human', '?')}" if most else "no maxmemory is set")
        if most and told.get("maxmemory_policy") not in (None, "noeviction"):
            said.append(f"when it is full it forgets ({told['maxmemory_policy']}): noeviction stops the sink instead")
    return ", ".join(said) + "."
