"""Tumbling windows in event time: several sizes, the finest fed by readings, the others by the closed windows below."""
