"""Audits, from both sides: the worker who opens what he did, and the auditor who does a part of it again."""
