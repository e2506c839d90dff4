"""Sinks: what is clean goes to where people use it, once, whatever breaks (docs/adr/0005-sinks.md)."""
