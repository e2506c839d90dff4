"""Java programs that we did not write, to speak with in tests: each in a process of its own, driven from Python."""
