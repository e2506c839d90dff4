"""OPC UA: polled or subscribed nodes, alarms and conditions, with certificates that are checked."""
