"""The digital twin in Redis: last values, a ring of 1 min aggregates, and the active alarms of every asset."""
