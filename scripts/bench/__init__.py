"""What the contracts cost, measured by receipts of a real chain. Run by `make bench-gas`, compared by a test."""
