"""What publishers and stations agree on: where a repository's files lie, and what it says of a bundle (TUF 1.0)."""
