"""The station: configuration, inspector daemon, ledger, spool, line link and command line."""
