"""What a job is, in plain values: no chain, no network, no files.

Imports nothing of tensorgrid outside this package; a test proves that ids and roots equal the contracts'.
"""
