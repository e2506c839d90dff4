"""Sinks under faults: a load of clean data, the ledger of what it must leave in a store, and what is done to sinks."""
