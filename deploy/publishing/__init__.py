"""Publishing bundles: the keys, the repository's files, and what goes into them in which order."""
