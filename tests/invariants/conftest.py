"""The same network as the contracts' own tests."""

from tests.contracts.conftest import world

__all__ = ["world"]
