"""Blobs by content: every byte that comes back is checked against its CID."""
