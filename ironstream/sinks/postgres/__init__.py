"""PostgreSQL and TimescaleDB as a store of clean data."""
