"""Sink cloud-api: batches of records, POSTed to an HTTP API."""
