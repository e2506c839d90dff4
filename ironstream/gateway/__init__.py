"""What all adapters share: envelope, report by exception, publishing to Kafka, supervision, health."""
