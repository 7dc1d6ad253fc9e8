"""A replay of recorded parts: what it found as values, as JSON and as a page."""
