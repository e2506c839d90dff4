"""The commands of `ironstream`, one module per group; `ironstream.cli` puts them together."""
