"""What a round of drand costs whoever stores it: once per round, for all jobs that have named it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

from tensorgrid import parameters

from .chain import Receipt
from .network import Network

# As drand's evmnet has published it; tests/contracts/test_drand_beacon.py has it too, with where it was found.
ROUND = 1000
SIGNATURE = bytes.fromhex(
    "06fd5996329504d3a56b482d9222bf7205857d0a9559ddd216ca31a286f6a8cc"
    "0a120f021aac2f13553fb164f62bc3a5ca32c76dea88a777b39bcf3cac5fdbd6"
)
_KEY = ("x_imaginary", "x_real", "y_imaginary", "y_real")
_LAG = 36


def drand_round(network: Network) -> Iterator[tuple[str, Receipt]]:
    """A real round of the network whose key ships, checked and stored."""
    data = tomllib.loads((Path(parameters.__file__).parent / "beacons" / "evmnet.toml").read_text())
    key = tuple(int(data["public_key"][word], 16) for word in _KEY)
    network.create("DrandBeacon", key, data["genesis"], data["period"], _LAG)
    yield "DrandBeacon.store", network.transact(network.closer, "DrandBeacon", "store", ROUND, SIGNATURE)
