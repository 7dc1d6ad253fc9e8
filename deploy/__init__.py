"""Which model bundle a station runs."""
