"""OPC UA servers for tests."""
