"""What the product must make of its logs: plain Python, one record after the other, no code of the product."""
