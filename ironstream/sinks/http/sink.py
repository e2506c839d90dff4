"""The sink that both cloud-api and webhook are: messages of a cut, delivered."""

from __future__ import annotations

from ironstream.engine.api import Chunk
from ironstream.schemas import Schemas
from ironstream.sinks.http import messages
from ironstream.sinks.http.client import HttpClient
from ironstream.sinks.http.delivery import Delivery
from ironstream.sinks.http.messages import Message
from ironstream.sinks.http.oauth import OAuthTokens
from ironstream.sinks.http.urls import Target
from ironstream.sinks.sink import Cut, Limits, Prepared, Refusal


class MessageSink:
    """Sends every record as a message. A repeat is the same message with the same id."""

    def __init__(
        self,
        client: HttpClient,
        target: Target,
        delivery: Delivery,
        limits: Limits,
        schemas: Schemas,
        tokens: OAuthTokens | None = None,
    ) -> None:
        self._client, self._target, self._delivery, self._tokens = client, target, delivery, tokens
        self._limits, self._schemas = limits, schemas

    @property
    def limits(self) -> Limits:
        """How much it takes at once."""
        return self._limits

    def prepare(self, chunk: Chunk) -> Prepared[list[Message]]:
        """A message for each record."""
        return messages.prepare(chunk, self._schemas)

    async def connect(self) -> None:
        """Reach the target, and get a token where it wants one, without sending data."""
        await self.reach()

    async def reach(self) -> str:
        """What `connect` found, as a sentence."""
        await self._client.open()
        found = await self._client.reach(self._target)
        if self._tokens is not None:
            await self._tokens.token()
            found += ", and got a token"
        return found

    async def write(self, cut: Cut[list[Message]]) -> list[Refusal]:
        """Deliver the cut in its order."""
        rows = [message for part in cut.parts for message in part.prepared.rows]
        return await self._delivery.deliver(cut.topic, rows)

    async def close(self) -> None:
        """Close the session."""
        await self._client.close()
