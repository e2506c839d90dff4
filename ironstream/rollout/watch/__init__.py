"""Whether a canary does well: the logs of its assets before and since, counted and judged."""
