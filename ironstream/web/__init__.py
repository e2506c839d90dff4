"""The web view: pages and API over the live state of all workers, read from Kafka alone."""
