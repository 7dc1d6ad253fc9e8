"""The cloud's side of the station: its own process, which sends the spool's pictures to an object store.

It reads the spool and never writes or prunes it; what it knows stands in ``sync.db``, which it alone writes.
Everything that it does is safe to repeat: objects are only ever created, never overwritten.
"""
