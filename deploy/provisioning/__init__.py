"""Who may take part in a line link: keys, certificates, and what the broker is told of their rights."""
