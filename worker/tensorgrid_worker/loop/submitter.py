"""The outbox to the chain: one owner of the hot key's nonces, who looks before he sends and before he sends again."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import structlog

from tensorgrid.chain.calls import Call
from tensorgrid.chain.connection import BlockRef
from tensorgrid.chain.receipts import TxReceipt
from tensorgrid.chain.send import Sender
from tensorgrid.domain.errors import InsufficientFunds, NodeRefused, Reverted, TensorgridError, TransactionLost
from tensorgrid_worker.logs import short
from tensorgrid_worker.loop.calls import CARRYING
from tensorgrid_worker.memory.journal import Journal
from tensorgrid_worker.memory.rows import COURTESIES, Row, Status

log = structlog.get_logger()

# A refusal that says the step is on the chain already, by us or by anyone: success.
ALREADY = {
    "take": {"SiblingSeated"},  # the sibling is this worker himself, or one with whom he cannot share the job
    "take_extra": {"SiblingSeated"},
    "commit": {"AlreadyCommitted"},
    "commit_missed": {"AlreadyCommitted"},
    "reveal": {"AlreadyRevealed"},
    "reveal_root": {"AlreadyRevealed"},
    "close_work": {"WrongState", "UnknownJob"},
    "open_extra": {"ExtraNotNeeded", "SittingNotNeeded"},
    "settle": {"WrongState", "UnknownJob"},  # unknown: its requester's next job has taken the lane over
    "expire": {"WrongState", "UnknownJob"},
    "reopen": {"WrongState", "UnknownJob", "WorkToClose"},
    "begin": {"AuditAlreadyBegun"},
    "serve": {"AlreadyServed"},
    "confirm": {"AlreadyAnswered"},
    "accuse": {"AlreadyAnswered"},
    "decline": {"AlreadyAnswered"},
    "respond": {"ClaimClosed"},
    "respond_result": {"ClaimClosed"},
    "contest": {"ClaimClosed"},
    "split": {"WrongSpan", "NotYourTurn"},  # the kind names the span: the match has left it
    "pick": {"WrongSpan", "NotYourTurn"},
    "timeout": {"MatchOver"},
    "jury_vote": {"AlreadyVoted"},
    "jury_show": {"AlreadyVoted"},
    "jury_release": {"AlreadyReleased"},
    "jury_release_bond": {"NoDispute"},
    "jury_share": {"ZeroAmount"},
    "jury_share_slash": {"ZeroAmount"},
    "jury_pay_appeal": {"NotAppealed"},
    "appeal": {"AlreadyAppealed"},
    "pay_appeal": {"NotAppealed"},
    "release_bond": {"NoDispute"},
}
# A refusal that no later block will take back. WrongSeats is none: others' steps change what must be shown, and it is
# planned again with what the chain shows then.
NEVER = frozenset(
    "DeadlinePassed RevealTooLate SeatsFull OwnJob WrongClass UnknownWorker WorkerTooYoung RoundLost "
    "SeatWasLost NoReopenLeft OthersAtWork "
    "CommitmentMismatch RootExpected TooLateForExtra UnknownJob NotSeated WrongState".split()
)
# Beside what the look says: others' reveals in the same block may leave it to ours to settle the whole job, others'
# confirmations to ours to end the audit.
HEADROOM = {"reveal": 500_000, "confirm": 100_000}
RECALL = "recall"
MAX_ATTEMPTS = 12
IN_FLIGHT = 64
MOST_BUMPS = 20
"""About 87 times the first fee: a node that never sends a thing on must not talk us into more."""
OUT_OF_GAS = "it ran out of gas"
MOST_GAS = 10_000_000
"""No step of ours takes a fifth of it: a node must not have us pay for a whole block."""
LEAST_GAS, GAS_PER_BYTE = 21_000, 40
"""What a chain takes before it looks at a call, and no node accepts less."""
STEADY = frozenset({"commit", "settle"})
"""Steps that the latest block allows or nothing does: what the pool holds of ours changes nothing about them."""


@dataclass(slots=True)
class _Watch:
    """One transaction on its way. `doubts`: how often its nonce was used and it was not found. `recalled`: that nothing
    was sent in its place."""

    since: float
    bumps: int = 0
    recalled: bool = False
    doubts: int = 0
    again_at: float = 0.0


@dataclass(frozen=True, slots=True)
class _Look:
    """The chain as of this step. `mined`, `pending`: this key's nonces that blocks, and blocks and pool, have used."""

    block: BlockRef
    mined: int
    pending: int


class Submitter:
    """`step()` once per new block or new row. Only one per key.

    A bound on fees (the sender's `fees.max_fee`) makes rows wait for cheaper gas; a row whose deadline is nearer than
    `urgent_seconds` of chain time does not mind it, since being late would cost stake.
    """

    def __init__(
        self, sender: Sender, journal: Journal, *, resend_seconds: float, urgent_seconds: float = 120.0
    ) -> None:
        self._sender, self._journal, self._resend = sender, journal, resend_seconds
        self._urgent = urgent_seconds
        self._watched: dict[int, _Watch] = {}
        self._told: set[str] = set()
        self._strangers_since: float | None = None
        self.held: Collection[str] = ()

    def step(self, head: int) -> bool:
        """Bring the outbox forward as far as the chain at block `head` lets. Whether something is still on its way.

        Rows of a kind in `held` are not sent. Raises Unreachable (try again later).
        """
        # Of one moment: a take that comes in while we look must not go out before the recall that it waited for.
        held, rows = self.held, self._journal.outbox(Status.NEW, Status.SENT)
        if not rows:
            self._watched.clear()
            return False
        look = self._look()
        sent = [row for row in rows if row.status is Status.SENT]
        receipts = self._receipts(sent)
        for row in sent:
            self._follow(row, head, look, receipts)
        seen = {row.id for row in rows if row.kind not in held and row.kind not in self.held}
        new = [row for row in self._journal.outbox(Status.NEW) if row.id in seen]
        if new and not self._strangers(look, {row.nonce for row in sent}):
            new.sort(key=lambda row: (not row.deadline, row.deadline))
            looks = self._looks(new[: max(0, IN_FLIGHT - len(self._watched))])
            for row in new:
                if len(self._watched) >= IN_FLIGHT:
                    break
                self._send(row, head, look, looks)
        return bool(self._watched)

    def _receipts(self, sent: Sequence[Row]) -> dict[str, TxReceipt | None]:
        """Of every version of every transaction, in one question."""
        hashes = [tx_hash for row in sent for tx_hash in row.hashes]
        return dict(zip(hashes, self._sender.receipts(hashes), strict=True)) if hashes else {}

    def _looks(self, rows: Sequence[Row]) -> dict[int, int | TensorgridError]:
        """Gas of steady rows, or why they are refused, in one question; by row."""
        steady = [row for row in rows if row.kind in STEADY]
        if len(steady) < 2:
            return {}
        answers = self._sender.estimates([row.call for row in steady])
        return {row.id: answer for row, answer in zip(steady, answers, strict=True)}

    def _gas(self, row: Row, looks: Mapping[int, int | TensorgridError]) -> int:
        """Raises what the look at this row found."""
        found = looks.get(row.id)
        if isinstance(found, TensorgridError):
            raise found
        gas = (self._sender.estimate(row.call) if found is None else found) + HEADROOM.get(row.kind, 0)
        if row.reason == OUT_OF_GAS:  # whatever this node says it takes, the chain took more
            gas = max(gas, min(2 * (row.gas or 0), MOST_GAS))
        return max(gas, LEAST_GAS + GAS_PER_BYTE * len(row.call.data))

    def _look(self) -> _Look:
        mined = self._sender.mined_nonce()
        return _Look(self._sender.connection.latest(), mined, max(mined, self._sender.next_nonce()))

    # ------------------------------------------------------------------------------------------------------ first time

    def _send(self, row: Row, head: int, look: _Look, looks: Mapping[int, int | TensorgridError]) -> None:
        fees = self._fees(row, look)
        if fees is None:
            self._say_once("tx.waits_for_cheaper_gas", row, base_fee=look.block.base_fee)
            return
        try:
            gas = self._gas(row, looks)
        except Reverted as refusal:
            self._refused(row, refusal, head)
            return
        except InsufficientFunds as error:
            self._without_gas(row, error)
            return
        nonce = self._nonce(look)
        try:
            signed = self._sender.build_and_sign(row.call, nonce, gas=gas, fees=fees)
        except (NodeRefused, InsufficientFunds) as error:
            self._without_gas(row, error)
            return
        # Stored before it is broadcast: after a crash the same bytes go out again, and no second transaction.
        if not self._journal.signed(row.id, nonce=nonce, gas=gas, raw=signed.raw, tx_hash=signed.hash, of=row):
            return  # taken back while the node was asked: a reorganisation, a drain
        self._watched[row.id] = _Watch(time.monotonic())
        self._told.clear()
        log.info("tx.sent", job=short(row.job), kind=row.kind, tx=signed.hash, nonce=nonce)
        self._broadcast(row, signed.raw)

    def _nonce(self, look: _Look) -> int:
        """The lowest that neither blocks, nor the pool, nor what we have signed and the node may have dropped use."""
        ours = self._journal.nonces()
        nonce = look.pending
        while nonce in ours:
            nonce += 1
        return nonce

    def _fees(self, row: Row, look: _Look, bumps: int = 0) -> tuple[int, int] | None:
        """A quarter more per bump; None while the chain asks more than we give and there is time to wait."""
        policy = self._sender.fees
        bumps = min(bumps, MOST_BUMPS)
        tip = policy.tip * 5**bumps // 4**bumps
        wanted = look.block.base_fee * policy.base_fee_factor * 5**bumps // 4**bumps + tip
        urgent = row.call.name == RECALL or (row.deadline and look.block.timestamp > row.deadline - self._urgent)
        if policy.max_fee is None or wanted <= policy.max_fee or urgent:
            return wanted, tip
        if look.block.base_fee >= policy.max_fee:
            return None
        return policy.max_fee, min(tip, policy.max_fee - look.block.base_fee)

    def _strangers(self, look: _Look, ours: Collection[int | None]) -> bool:
        """Whether the pool holds transactions of this key that the journal does not know: then nothing new is sent.

        They are our own when the journal was lost, and a second `take` must not follow the first. What is not mined in
        time blocks everything behind it, so it gives way to a transaction that does nothing.
        """
        # A node may claim any number; that many are enough to hold still for.
        unknown = [nonce for nonce in range(look.mined, min(look.pending, look.mined + IN_FLIGHT)) if nonce not in ours]
        unknown = unknown or [look.pending - 1] * (look.pending > look.mined + IN_FLIGHT)
        if not unknown:
            self._strangers_since = None
            return False
        now = time.monotonic()
        if self._strangers_since is None:
            self._strangers_since = now
            why = "sent before the journal was lost, or by somebody else with this key"
            log.warning("tx.unknown", nonces=unknown[:IN_FLIGHT], reason=why)
        elif now - self._strangers_since > self._resend:
            self._strangers_since = now
            fee = look.block.base_fee * 4 + self._sender.fees.tip * 4
            for nonce in unknown[:IN_FLIGHT]:
                signed = self._sender.build_and_sign(self.nothing(), nonce, fees=(fee, self._sender.fees.tip * 4))
                self._try(signed.raw)
        return True

    # ----------------------------------------------------------------------------------------------------- later times

    def _follow(self, row: Row, head: int, look: _Look, receipts: Mapping[str, TxReceipt | None]) -> None:
        """A transaction that was signed: mined, lost, dropped, or still waiting."""
        if row.raw is None or row.nonce is None:
            self._journal.unsent(row.id)  # found done by others once, and a reorganisation took that back
            return
        for tx_hash in reversed(row.hashes):
            receipt = receipts[tx_hash]
            if receipt is not None:
                self._mined(row, receipt, head)
                return
        watch = self._watched.setdefault(row.id, _Watch(time.monotonic()))
        if row.nonce < look.mined:
            self._doubt(row, watch)
        elif row.call.name == RECALL and not watch.recalled:
            self._bump(row, watch, look)
            watch.recalled = True
        elif row.kind in self.held:
            # It is not helped along. Where it blocks the nonce of what cannot wait, a reveal, it gives way.
            late = time.monotonic() - watch.since > self._resend
            if late and self._blocks(row):
                self._journal.recall(row.id, self.nothing())
        elif self._stranded(row, look) and time.monotonic() - watch.since > 2 * self._resend:
            self._lost(row)  # signed on the word of a node that claimed more transactions than there are
        elif time.monotonic() - watch.since > self._resend * (watch.bumps + 1):
            self._bump(row, watch, look)
        elif row.nonce >= look.pending and time.monotonic() >= watch.again_at:
            watch.again_at = time.monotonic() + self._resend / 10  # to a node that drops it again and again
            self._send_again(row, head, look)

    def _stranded(self, row: Row, look: _Look) -> bool:
        """Whether a nonce before it is missing that nothing of ours will fill: it cannot be mined."""
        assert row.nonce is not None
        return row.nonce > look.pending and look.pending not in self._journal.nonces()

    def _blocks(self, row: Row) -> bool:
        assert row.nonce is not None
        others = self._journal.outbox(Status.SENT)
        return any(other.kind not in self.held and (other.nonce or 0) > row.nonce for other in others)

    def _doubt(self, row: Row, watch: _Watch) -> None:
        """Its nonce is used and its receipt is not there: nodes behind one address may differ for a moment."""
        watch.doubts += 1
        if watch.doubts > 1:
            self._lost(row)

    def _lost(self, row: Row) -> None:
        """Another transaction had its nonce. What it did is for the next look to find."""
        self._watched.pop(row.id, None)
        log.warning("tx.lost", job=short(row.job), kind=row.kind, nonce=row.nonce)
        if row.call.name == RECALL:
            self._journal.ended(row.id, Status.REFUSED, reason="recalled")
        else:
            self._journal.unsent(row.id)

    def _send_again(self, row: Row, head: int, look: _Look) -> None:
        """The node has it no more, or never had it: a crash before the broadcast, a full pool, a reorganisation.

        Only the first in line is looked at: what stands behind it may be right only after it.
        """
        assert row.raw is not None
        ours = self._journal.nonces()
        if row.nonce == look.pending and row.call.name != RECALL:
            try:
                self._sender.estimate(row.call)
            except Reverted as refusal:
                if max(ours) == row.nonce:
                    self._watched.pop(row.id, None)
                    self._refused(row, refusal, head)
                else:  # its nonce must be filled, or those behind it wait for ever
                    self._journal.recall(row.id, self.nothing())
                return
            except InsufficientFunds as error:
                self._without_gas(row, error)
                return
        log.info("tx.sent_again", job=short(row.job), kind=row.kind, tx=row.hashes[-1], nonce=row.nonce)
        self._broadcast(row, row.raw)

    def _mined(self, row: Row, receipt: TxReceipt, head: int) -> None:
        self._watched.pop(row.id, None)
        if row.call.name == RECALL:
            # Which version was mined does not matter: the chain's state says what is still to be done.
            self._say_mined("tx.recalled", row, receipt)
            self._journal.ended(row.id, Status.REFUSED, reason="recalled", block=receipt.block)
        elif receipt.ok:
            self._say_mined("tx.mined", row, receipt)
            self._journal.ended(row.id, Status.DONE, block=receipt.block)
        else:
            self._say_mined("tx.reverted", row, receipt)
            if row.gas and receipt.gas_used * 64 >= row.gas * 63:  # a call is given all but a 64th
                self._starved(row, head)
            else:
                self._refused(row, self._sender.explain(row.call, receipt), head)

    def _starved(self, row: Row, head: int) -> None:
        """The node that named its gas erred, or lied: planned again, it is given twice as much."""
        dead = row.attempts >= MAX_ATTEMPTS and not row.deadline
        self._journal.ended(row.id, Status.DEAD if dead else Status.REFUSED, reason=OUT_OF_GAS, block=head)
        log.warning("tx.out_of_gas", job=short(row.job), kind=row.kind, gas=row.gas, todo="use another node")

    def _say_mined(self, event: str, row: Row, receipt: TxReceipt) -> None:
        """What it cost is paid, whatever came of it."""
        log.info(
            event,
            job=short(row.job),
            kind=row.kind,
            tx=receipt.hash,
            block=receipt.block,
            gas=receipt.gas_used,
            gas_price=receipt.gas_price,
        )

    def _refused(self, row: Row, refusal: Reverted, head: int) -> None:
        if refusal.name in ALREADY.get(row.kind.partition(".")[0], ()):  # "respond.2.0" is one of several
            self._journal.ended(row.id, Status.DONE, reason=refusal.name, block=head)
            log.info("tx.needless", job=short(row.job), kind=row.kind, reason=refusal.name)
            return
        # With a passenger the refusal may be the passenger's, whom others settled: the commit goes again alone.
        alone = row.call.name != CARRYING
        # What costs stake when it is late is never given up: the node that refused it may lag behind the one that
        # showed it due. It is planned again as long as the chain's clocks let.
        hopeless = (alone and refusal.name in NEVER) or row.attempts >= MAX_ATTEMPTS
        dead = (hopeless and not row.deadline) or row.kind.startswith(COURTESIES)
        self._journal.ended(row.id, Status.DEAD if dead else Status.REFUSED, reason=str(refusal), block=head)
        log.info("tx.refused", job=short(row.job), kind=row.kind, reason=str(refusal), again=not dead)

    def _broadcast(self, row: Row, raw: bytes) -> None:
        try:
            self._sender.broadcast(raw)
        except TransactionLost:
            self._lost(row)
        except InsufficientFunds as error:
            self._without_gas(row, error)
        except NodeRefused as error:
            self._say_once("tx.not_accepted", row, job=short(row.job), reason=str(error))

    def _bump(self, row: Row, watch: _Watch, look: _Look) -> None:
        """Not mined in time: the same nonce at a quarter more per try, or the old bytes if the node wants no other."""
        assert row.raw is not None and row.nonce is not None
        watch.bumps += 1
        fees = self._fees(row, look, watch.bumps)
        log.warning("tx.stuck", job=short(row.job), kind=row.kind, nonce=row.nonce, bumps=watch.bumps)
        if fees is None:
            return
        signed = self._sender.build_and_sign(row.call, row.nonce, gas=row.gas, fees=fees)
        if signed.hash in row.hashes:
            return
        kept = self._journal.signed(
            row.id, nonce=row.nonce, gas=row.gas or 0, raw=signed.raw, tx_hash=signed.hash, of=row
        )
        if kept:
            self._try(signed.raw)

    def _try(self, raw: bytes) -> None:
        """Whether the node takes it shows at the next step: mined meanwhile, or not dear enough."""
        try:
            self._sender.broadcast(raw)
        except (TransactionLost, NodeRefused) as error:
            log.info("tx.not_replaced", reason=str(error))

    def nothing(self) -> Call:
        """What is sent in place of something that must not be mined."""
        return Call(self._sender.address, b"", RECALL)

    # ---------------------------------------------------------------------------------------------------------- saying

    def _without_gas(self, row: Row, error: Exception) -> None:
        self._say_once(
            "worker.no_gas", row, worker=self._sender.address, reason=str(error), todo="send this address coin"
        )

    def _say_once(self, event: str, row: Row, **fields: object) -> None:
        """Until something could be sent again."""
        if event not in self._told:
            self._told.add(event)
            log.warning(event, kind=row.kind, **fields)
