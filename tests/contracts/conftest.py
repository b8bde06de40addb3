"""What is deployed once per session: ape rolls the chain back to it after every test."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contracts.court import Court
from tests.contracts.ledgers import Ledgers
from tests.contracts.world import World


@pytest.fixture(scope="session")
def world(accounts: Any, chain: Any) -> World:
    return World(accounts, chain)


@pytest.fixture(scope="session")
def ledgers(accounts: Any, chain: Any) -> Ledgers:
    return Ledgers(accounts, chain)


@pytest.fixture(scope="session")
def court(world: World) -> Court:
    return Court(world)


@pytest.fixture
def crowded_court(court: Court) -> Court:
    """With jurors for an appeal. Per test: ape undoes what a session's fixture does after another test has run."""
    court.fill_bench()
    return court
