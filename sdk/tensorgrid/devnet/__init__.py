"""A whole network on this machine: chain, contracts, money, workers, and nothing left behind when it stops."""

from tensorgrid.devnet.lock import wait_for_signal
from tensorgrid.devnet.network import Devnet
from tensorgrid.devnet.workers import WorkerHook, WorkerProcess

__all__ = ["Devnet", "WorkerHook", "WorkerProcess", "wait_for_signal"]
