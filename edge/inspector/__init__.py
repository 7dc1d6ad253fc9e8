"""The inspector daemon: the path of a part from its trigger to its verdict on the line."""
