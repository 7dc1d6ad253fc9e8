"""Pure rules: frozen types, policy, wire format and statistics. No input or output of any kind."""
