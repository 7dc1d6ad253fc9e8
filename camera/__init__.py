"""Picture sources: one protocol, one file per source, frame quality, and the virtual line."""
