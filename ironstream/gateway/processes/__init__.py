"""A gateway: adapters as supervised processes, kept at what topology.yaml wants."""
