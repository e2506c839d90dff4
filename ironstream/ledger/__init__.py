"""The loss ledger: what was sent of every series, and what has become of it."""
