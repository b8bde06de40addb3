"""The outbox to the chain: one owner of the hot key's nonces, who looks before he sends and before he sends again."""

from __future__ import annotations

import time
from dataclasses import dataclass

import structlog

from tensorgrid.chain.receipts import TxReceipt
from tensorgrid.chain.send import Sender
from tensorgrid.domain.errors import ChainError, InsufficientFunds, NodeRefused, Reverted, TransactionLost
from tensorgrid_worker.journal import Journal
from tensorgrid_worker.logs import short
from tensorgrid_worker.rows import Row, Status

log = structlog.get_logger()

# A refusal that says the step is on the chain already, by us or by anyone: success.
ALREADY = {
    "take": {"SiblingSeated"},  # the sibling is this worker himself, or one with whom he cannot share the job
    "take_extra": {"SiblingSeated"},
    "commit": {"AlreadyCommitted"},
    "reveal": {"AlreadyRevealed"},
    "reveal_root": {"AlreadyRevealed"},
    "close_work": {"WrongState", "UnknownJob"},
    "open_extra": {"ExtraNotNeeded"},
    "settle": {"WrongState", "UnknownJob"},  # unknown: its requester's next job has taken the lane over
    "expire": {"WrongState", "UnknownJob"},
}
# A refusal that no later block will take back. WrongSeats is none: others' steps change what must be shown, and it is
# planned again with what the chain shows then.
NEVER = frozenset(
    "DeadlinePassed RevealTooLate SeatsFull OwnJob WrongClass UnknownWorker WorkerTooYoung RoundLost "
    "CommitmentMismatch RootExpected TooLateForExtra UnknownJob NotSeated WrongState".split()
)
# Beside what the look says: others' reveals in the same block may leave it to ours to settle the whole job.
HEADROOM = {"reveal": 500_000}
CARRYING = "JobBoard.commitAndSettle"
MAX_ATTEMPTS = 12
IN_FLIGHT = 8
PROGRESS = "progress:"


@dataclass(slots=True)
class _Watch:
    since: float
    bumps: int = 0


class Submitter:
    """`step()` once per new block or new row. Only one per key."""

    def __init__(self, sender: Sender, journal: Journal, *, resend_seconds: float) -> None:
        self._sender, self._journal, self._resend = sender, journal, resend_seconds
        self._watched: dict[int, _Watch] = {}
        self._poor = False

    def step(self, head: int) -> bool:
        """Bring the outbox forward as far as the chain at block `head` lets. Whether something is still on its way.

        Raises Unreachable (try again later).
        """
        for row in self._journal.outbox(Status.SENT):
            self._follow(row, head)
        for row in self._journal.outbox(Status.NEW):
            if len(self._watched) >= IN_FLIGHT:
                break
            self._send(row, head)
        return bool(self._watched)

    def _send(self, row: Row, head: int) -> None:
        try:
            gas = self._sender.estimate(row.call) + HEADROOM.get(row.kind, 0)
        except Reverted as refusal:
            self._refused(row, refusal, head)
            return
        except InsufficientFunds as error:
            self._without_gas(row, error)
            return
        nonce = self._nonce()
        try:
            signed = self._sender.build_and_sign(row.call, nonce, gas=gas)
        except ChainError as error:
            if isinstance(error, NodeRefused | InsufficientFunds):
                self._without_gas(row, error)
                return
            raise
        # Stored before it is broadcast: after a crash the same bytes go out again, and no second transaction.
        self._journal.signed(row.id, nonce=nonce, gas=gas, raw=signed.raw, tx_hash=signed.hash)
        self._watched[row.id] = _Watch(time.monotonic())
        self._poor = False
        log.info("tx.sent", job=short(row.job), kind=row.kind, tx=signed.hash, nonce=nonce)
        self._broadcast(row, signed.raw)

    def _follow(self, row: Row, head: int) -> None:
        """A transaction that was signed: mined, lost, or still waiting."""
        if row.raw is None:
            self._journal.unsent(row.id)  # found done by others once, and a reorganisation took that back
            return
        watch = self._watched.get(row.id)
        for tx_hash in reversed(row.hashes):
            receipt = self._sender.receipt(tx_hash)
            if receipt is not None:
                self._mined(row, receipt, head)
                return
        if watch is None:  # signed by a process that is gone, or unmined by a reorganisation
            self._watched[row.id] = _Watch(time.monotonic())
            self._broadcast(row, row.raw)
        elif time.monotonic() - watch.since > self._resend * (watch.bumps + 1):
            watch.bumps += 1
            self._again(row, watch)

    def _mined(self, row: Row, receipt: TxReceipt, head: int) -> None:
        self._watched.pop(row.id, None)
        if receipt.ok:
            log.info(
                "tx.mined",
                job=short(row.job),
                kind=row.kind,
                tx=receipt.hash,
                block=receipt.block,
                gas=receipt.gas_used,
            )
            self._journal.ended(row.id, Status.DONE, block=receipt.block)
        else:
            self._refused(row, self._sender.explain(row.call, receipt), head)

    def _refused(self, row: Row, refusal: Reverted, head: int) -> None:
        if refusal.name in ALREADY.get(row.kind, ()):
            self._journal.ended(row.id, Status.DONE, reason=refusal.name, block=head)
            log.info("tx.needless", job=short(row.job), kind=row.kind, reason=refusal.name)
            return
        # With a passenger the refusal may be the passenger's, whom others settled: the commit goes again alone.
        alone = row.call.name != CARRYING
        dead = (alone and refusal.name in NEVER) or row.attempts >= MAX_ATTEMPTS or row.kind.startswith(PROGRESS)
        self._journal.ended(row.id, Status.DEAD if dead else Status.REFUSED, reason=str(refusal))
        log.info("tx.refused", job=short(row.job), kind=row.kind, reason=str(refusal), again=not dead)

    def _broadcast(self, row: Row, raw: bytes) -> None:
        try:
            self._sender.broadcast(raw)
        except TransactionLost:
            # Another transaction had its nonce. What it did is for the next look to find.
            self._watched.pop(row.id, None)
            self._journal.unsent(row.id)
        except InsufficientFunds as error:
            self._without_gas(row, error)
        except NodeRefused as error:
            log.warning("tx.not_accepted", job=short(row.job), kind=row.kind, reason=str(error))

    def _again(self, row: Row, watch: _Watch) -> None:
        """Not mined in time: the same nonce at a quarter more per try, or the old bytes if the node wants no other."""
        assert row.raw is not None and row.nonce is not None
        max_fee, tip = self._sender.fees.fees(self._sender.connection.latest().base_fee)
        raised = (max_fee * (4 + watch.bumps) // 4, tip * (4 + watch.bumps) // 4)
        log.warning("tx.stuck", job=short(row.job), kind=row.kind, nonce=row.nonce, bumps=watch.bumps)
        self._broadcast(row, row.raw)
        signed = self._sender.build_and_sign(row.call, row.nonce, gas=row.gas, fees=raised)
        if signed.hash in row.hashes:
            return
        self._journal.signed(row.id, nonce=row.nonce, gas=row.gas or 0, raw=signed.raw, tx_hash=signed.hash)
        try:
            self._sender.broadcast(signed.raw)
        except (TransactionLost, NodeRefused):
            return  # mined meanwhile, or not dear enough: one of the versions will be found

    def _nonce(self) -> int:
        """What the node expects, or one more than what we have signed and the node may have dropped."""
        ours = self._journal.highest_nonce()
        return max(self._sender.next_nonce(), -1 if ours is None else ours + 1)

    def _without_gas(self, row: Row, error: Exception) -> None:
        if not self._poor:
            self._poor = True
            log.error(
                "worker.no_gas",
                worker=self._sender.address,
                kind=row.kind,
                reason=str(error),
                todo="send this address coin",
            )
