"""Measurements of the audit tier."""
