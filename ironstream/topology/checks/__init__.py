"""The checks of a topology file, one module for each kind; `ironstream.topology.check` runs them all."""
