"""Pure rules of the product: quality, windows, conditions, alarm lifecycle. No Kafka, no asyncio, no clock."""
