"""The benchmark suite as it runs inside the sandbox, like a job: torch lives here, never in the daemon."""
