"""What if: a candidate and the version that holds, both run on what was recorded, and how the outcomes differ."""
