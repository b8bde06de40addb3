"""What cheating in an audited job is worth, computed from the parameters that are shipped."""
