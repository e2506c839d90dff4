"""Tables: name, row layout, retention; no logic."""
