"""The same network as the contracts' own tests, the same sandboxes as the worker's."""

from tests.contracts.conftest import court, crowded_court, ledgers, world
from tests.worker.conftest import make_task, run_code

__all__ = ["court", "crowded_court", "ledgers", "make_task", "run_code", "world"]
