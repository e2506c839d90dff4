"""A small plant that moves in real time behind a real Modbus TCP server, for demonstrations and tests."""
