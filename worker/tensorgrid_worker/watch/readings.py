"""What is worth knowing of a worker's money and machine, read when somebody asks and kept for some seconds."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tensorgrid.chain.contracts import Contracts
from tensorgrid.domain.errors import TensorgridError
from tensorgrid_worker.gpu_readings import GpuReading, gpu_readings
from tensorgrid_worker.memory.journal import Journal
from tensorgrid_worker.memory.pulse import Pulse
from tensorgrid_worker.memory.rows import Status

FRESH_SECONDS = 15.0
"""A scrape every second asks the node four times a minute."""


@dataclass(frozen=True, slots=True)
class ChainReading:
    """Smallest units; wei for `gas_balance`. `earnings`: withdrawable in the escrow now, per token symbol."""

    gas_balance: int
    stake_active: int
    stake_locked: int
    locks: int
    earnings: Mapping[str, int] = field(default_factory=dict)


class Readings:
    """One worker's sources. Nothing here raises: what cannot be read is None or left out."""

    def __init__(
        self,
        pulse: Pulse,
        contracts: Contracts,
        journal: Journal,
        home: Path,
        gpus: Callable[[], list[GpuReading]] = gpu_readings,
    ) -> None:
        self.pulse, self.home, self.gpus = pulse, home, gpus
        self._contracts, self._journal = contracts, journal
        self._lock = threading.Lock()
        self._chain: ChainReading | None = None
        self._read_at = 0.0

    def chain(self) -> ChainReading | None:
        """None when the node does not answer, or the worker is not registered yet."""
        if not self._lock.acquire(blocking=False):
            return self._chain  # another scrape is asking; a slow node holds up one of them only
        try:
            if not self._read_at or time.monotonic() - self._read_at > FRESH_SECONDS:
                self._chain = self._read_chain()
                self._read_at = time.monotonic()
            return self._chain
        finally:
            self._lock.release()

    def outbox_waiting(self) -> int | None:
        """Transactions that are to be sent or mined yet."""
        try:
            return len(self._journal.outbox(Status.NEW, Status.SENT))
        except Exception:  # closed under our hands: the worker is ending
            return None

    def disk_free(self) -> int | None:
        try:
            return shutil.disk_usage(self.home).free
        except OSError:
            return None

    def _read_chain(self) -> ChainReading | None:
        chain, me = self._contracts, self.pulse.worker
        try:
            standing = chain.registry.standing(me)
            stake = chain.vault.allocation_of(standing.provider, me, chain.board.address)
            return ChainReading(
                gas_balance=chain.connection.balance(me),
                stake_active=stake.active,
                stake_locked=stake.locked,
                locks=stake.locks,
                earnings=dict(self._earnings(standing.payee)),
            )
        except (TensorgridError, OSError, ValueError):
            return None

    def _earnings(self, payee: str) -> Iterator[tuple[str, int]]:
        escrow, board = self._contracts.escrow, self._contracts.board.address
        for token in self._contracts.deployment.tokens:
            yield token.symbol, escrow.balance(board, token.address, payee).free
