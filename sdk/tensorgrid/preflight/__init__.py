"""Try a job out before any money is locked: its first steps twice, bit for bit; what the whole would cost."""

from tensorgrid.preflight.costs import Costs, costs_of
from tensorgrid.preflight.rehearsal import Preflight, preflight

__all__ = ["Costs", "Preflight", "costs_of", "preflight"]
