"""The comparison: contenders on one Kafka, the same work, every value checked. `python -m benchmarks.compare`."""
