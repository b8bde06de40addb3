"""Will two runs of this code be bit-equal? Read from its source, and from its torch module where one is at hand.

A linter sees names, not runs: it finds what is known to differ, and `preflight` finds the rest by running it twice.
"""

from tensorgrid.lint.findings import Finding, refuse
from tensorgrid.lint.modules import lint_module
from tensorgrid.lint.source import lint_source

__all__ = ["Finding", "lint_module", "lint_source", "refuse"]
