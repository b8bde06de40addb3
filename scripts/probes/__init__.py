"""Attempts to break out of a sandbox, and the harness that makes them: `make sandbox-probes`."""
