"""A bundle on trial: judged by a process of its own, beside the one that decides."""
