"""What people and programs see of a running worker: logs, metrics, health, status."""
