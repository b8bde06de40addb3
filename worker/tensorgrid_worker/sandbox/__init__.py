"""Where strangers' code runs: one protocol, several walls."""
