"""How much a machine can do: measured in the sandbox, compared with what its hardware class promises."""

from tensorgrid_worker.capability.bench import measure
from tensorgrid_worker.capability.measured import Measured, Part

__all__ = ["Measured", "Part", "measure"]
