"""The schedulers in numbers: their rules in Python, and what the rules make of a market."""
