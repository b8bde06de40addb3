"""The public state of a network in tables: its workers, its jobs, one job's trace, and whether the invariants hold.

Anybody's to read: no key is needed, nothing is sent. What is shown was written by strangers: print it with text.plain.
"""
