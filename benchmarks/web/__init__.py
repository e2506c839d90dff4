"""The web view measured in a real browser, beside a plant that runs."""
