"""The agents of a sink: each follows one topic and hands its chunks to a flow."""

from __future__ import annotations

from collections.abc import Mapping

from ironstream.engine.sink_app import FollowedChunks, SinkApp
from ironstream.sinks.flow import Flow


def register(app: SinkApp, flows: Mapping[str, Flow]) -> None:
    """Follow the topic (name without prefix) of each flow in `app`."""
    for topic, flow in flows.items():
        _follow(app, topic, flow)


def _follow(app: SinkApp, topic: str, flow: Flow) -> None:
    async def follow(chunks: FollowedChunks) -> None:
        async for chunk, followed in chunks:
            await flow.put(chunk, followed)

    app.follow(topic, follow)
