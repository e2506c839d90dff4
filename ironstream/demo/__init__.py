"""`ironstream demo`: a simulated plant through the whole system, watched live from Kafka."""
