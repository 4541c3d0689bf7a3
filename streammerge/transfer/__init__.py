"""Many requests at once: how many, how fast, and how often each is attempted."""
