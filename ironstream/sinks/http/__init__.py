"""What the sinks that speak HTTP share: a client that reaches only what it may, signatures, tokens, delivery."""
