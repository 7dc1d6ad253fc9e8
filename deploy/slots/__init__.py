"""The bundles of a station: the files, and what each of them is."""
