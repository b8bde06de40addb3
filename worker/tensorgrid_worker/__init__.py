"""The worker: takes jobs that it may, runs them in a sandbox, commits, reveals, and is paid.

Importing this package costs nothing: the sandboxed runner lives in it too.
"""
