"""What became of a posted job: follow it, read its metrics and logs, check and open its result."""
