"""Models in service: which bundle decides, which is tried, and how one takes the other's place."""
