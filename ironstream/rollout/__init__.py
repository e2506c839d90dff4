"""How a topology takes effect: its versions and changes as a log, who follows them, and what they say of it."""
