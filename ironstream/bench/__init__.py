"""`ironstream bench`: what this machine does, measured with real workers on a real Kafka (benchmarks/README.md)."""
