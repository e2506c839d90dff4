"""Protocol adapters: one folder each, found by name in `adapters.registry`."""
