"""Sink webhook: every transition of an alarm, POSTed as it happens."""
