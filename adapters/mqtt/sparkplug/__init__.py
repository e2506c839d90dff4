"""Sparkplug B: payloads, the state of edge nodes as a host application sees it, and what is asked of them."""
