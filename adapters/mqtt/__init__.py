"""MQTT: topics with JSON or single values, and Sparkplug B; acknowledged to the broker once Kafka has it."""
