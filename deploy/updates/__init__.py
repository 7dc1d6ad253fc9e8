"""Fetching bundles from a repository: nothing is believed that trusted keys have not signed (TUF 1.0)."""
