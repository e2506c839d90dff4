"""Faust agents: thin; each reads a table, calls the domain, writes the table, emits."""
