"""The process of a sink: an app that follows the sink's topics, made anew when another declaration of it holds."""

from ironstream.sink_process.process import run_sink

__all__ = ["run_sink"]
