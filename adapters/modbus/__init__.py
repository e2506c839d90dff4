"""Modbus: configuration, pure decoding and read planning shared by every transport, and the client for TCP."""
