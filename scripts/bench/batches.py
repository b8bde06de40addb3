"""A hundred tasks under one root: every transaction of every party, with a root from which each output can be proven.

A slice is an ordinary job of the accept tier, matched with its worker's offer. All jobs of a batch are posted by one
`multicall`, in lanes that the requester has used before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from blake3 import blake3
from eth_account.signers.local import LocalAccount

from tensorgrid.domain.batch_proofs import ItemProof, OpenedBatch, SliceOpening, SliceRef
from tensorgrid.domain.encoding import keccak256, sha256
from tensorgrid.domain.jobs import ExitClass, commitment, seal_digest
from tensorgrid.domain.results import Leaf, merkle_root, result_root

from .chain import Receipt
from .jobs import Job, Lanes, offered_terms
from .network import Network, signed

TASKS, WORKERS = 100, 10
_LANE = 200  # the batch's own, and the first of its jobs'
_SALT, _RECEIPT = sha256(b"salt"), sha256(b"receipt")
Steps = Iterator[tuple[str, Receipt]]


@dataclass
class Posted:
    """A batch whose slices are jobs; slice n is done by the n-th of the workers."""

    network: Network
    batch: OpenedBatch
    jobs: list[Job]
    workers: Sequence[int]

    @classmethod
    def make(cls, network: Network, lanes: Lanes, workers: Sequence[int]) -> Posted:
        """Nothing is sent yet."""
        nonces = [lanes.next(_LANE + place) for place in range(len(workers))]
        specs = [sha256(b"spec of slice %d" % nonce) for nonce in nonces]
        terms = [
            replace(offered_terms(network, nonce), spec_digest=spec) for nonce, spec in zip(nonces, specs, strict=True)
        ]
        slices = tuple(SliceRef(spec, TASKS // len(workers)) for spec in specs)
        root = sha256(b"items %d" % nonces[0])
        batch = OpenedBatch(network.requester.address, _LANE, root, slices)
        return cls(network, batch, [Job(network, each) for each in terms], workers)

    # ---- transactions

    def open(self) -> Receipt:
        slices = [each.as_tuple() for each in self.batch.slices]
        requester = self.network.requester
        return self.network.transact(requester, "Batches", "open", self.batch.lane, self.batch.root, slices)

    def post(self, earlier: Posted | None = None) -> Receipt:
        """All jobs, each with its worker's offer; `earlier`: the batch before, which is settled on the way."""
        calls = []
        for place, (job, worker) in enumerate(zip(self.jobs, self.workers, strict=True)):
            job.folded = True
            posting = (job.terms.as_tuple(), job.offers((worker,)))
            if earlier is None:
                calls.append(self._call("postWithOffers", *posting))
            else:
                before = earlier.jobs[place]
                calls.append(self._call("settleAndPost", before.terms.as_tuple(), before.seats(), *posting))
        return self._together(self.network.requester, calls)

    def commit(self, number: int) -> Receipt:
        """The slice's worker for himself."""
        job, worker = self.jobs[number], self.network.workers[self.workers[number]]
        sent = (job.terms.ref().as_tuple(), 1, job.seats(), self._seal(number))
        receipt = self.network.transact(worker, "JobBoard", "commit", *sent)
        job.follow(receipt)
        return receipt

    def commit_together(self) -> Receipt:
        """Everybody's, signed, by a relayer."""
        place = self.network.chain.chain_id, self.network.address("JobBoard")
        calls = []
        for number, job in enumerate(self.jobs):
            seal, worker = self._seal(number), self.network.workers[self.workers[number]]
            signature = signed(worker, seal_digest(job.id, seal, *place)).as_tuple()
            calls.append(self._call("commitMany", job.terms.ref().as_tuple(), job.seats(), [seal], [signature]))
        return self._together(self.network.relayer, calls)

    def settle(self) -> Receipt:
        """After silence, all at once."""
        terms, held = [job.terms.as_tuple() for job in self.jobs], [job.seats() for job in self.jobs]
        return self.network.transact(self.network.closer, "JobBoard", "settleMany", terms, held)

    def prove(self, number: int, count: int) -> Receipt:
        """The first `count` items of a slice."""
        leaves, first = self._leaves(number), self.batch.first_of(number)
        shown = tuple((leaf.shape[0], leaf.digest) for leaf in leaves[:count])
        proof = ItemProof(number, first, shown, _nodes([leaf.hash() for leaf in leaves], count))
        job, opening = self.jobs[number], SliceOpening(_SALT, _RECEIPT)
        case = (self.batch.as_tuple(), job.terms.as_tuple(), job.seats(), opening.as_tuple(), proof.as_tuple())
        return self.network.transact(self.network.closer, "Batches", "prove", *case)

    # ---- within

    def _leaves(self, number: int) -> list[Leaf]:
        """Of the slice's result: one output per item."""
        first = self.batch.first_of(number)
        outputs = {i: b"output of item %d" % i for i in range(first, first + self.batch.slices[number].items)}
        return [Leaf(f"{i:08d}", "U8", (len(data),), blake3(data).digest()) for i, data in outputs.items()]

    def _seal(self, number: int) -> bytes:
        job, worker = self.jobs[number], self.network.workers[self.workers[number]]
        root = result_root(job.id, ExitClass.OK, merkle_root(self._leaves(number)))
        return commitment(job.id, worker.address, _SALT, keccak256(root), _RECEIPT)

    def _call(self, function: str, *args: object) -> bytes:
        return self.network.interface("JobBoard").encode_call(function, *args)

    def _together(self, sender: LocalAccount, calls: list[bytes]) -> Receipt:
        receipt = self.network.transact(sender, "JobBoard", "multicall", calls)
        for job in self.jobs:
            job.follow(receipt)
        return receipt


# ---- paths


class Batched:
    """Batches of one requester, one after the other in the same lanes."""

    def __init__(self, network: Network, lanes: Lanes) -> None:
        self._network, self._lanes = network, lanes
        self._crew: Sequence[int] = ()

    def over_ten(self) -> Steps:
        """Ten workers; a relayer brings their signed seals."""
        batch = self._new(WORKERS)
        yield "Batches.open (10 slices)", batch.open()
        yield "JobBoard.multicall (10 posted with offers)", batch.post()
        yield "JobBoard.multicall (10 commits by signature)", batch.commit_together()
        batch.jobs[-1].await_silence()
        yield "JobBoard.settleMany (10 workers)", batch.settle()

    def next_over_ten(self, *, relayed: bool) -> Steps:
        """Ten workers; posting settles the batch before. `relayed`: by their signed seals, else each for himself."""
        earlier = self._done(WORKERS)
        batch = self._new(WORKERS)
        yield "Batches.open (10 slices)", batch.open()
        yield "JobBoard.multicall (10 settled and posted)", batch.post(earlier)
        if relayed:
            yield "JobBoard.multicall (10 commits by signature)", batch.commit_together()
        for number in () if relayed else range(WORKERS):
            yield "JobBoard.commit (offer)", batch.commit(number)
        batch.jobs[-1].await_silence()
        batch.settle()

    def one_worker(self) -> Steps:
        """All by one; posting settles the batch before."""
        earlier = self._done(1)
        batch = self._new(1)
        yield "Batches.open (1 slice)", batch.open()
        job, before = batch.jobs[0], earlier.jobs[0]
        job.folded = True
        sent = (before.terms.as_tuple(), before.seats(), job.terms.as_tuple(), job.offers(batch.workers))
        receipt = self._network.transact(self._network.requester, "JobBoard", "settleAndPost", *sent)
        job.follow(receipt)
        yield "JobBoard.settleAndPost", receipt
        yield "JobBoard.commit (offer)", batch.commit(0)
        job.await_silence()
        batch.settle()

    def proofs(self) -> Steps:
        """Of single items, once all is paid."""
        batch = self._done(WORKERS)
        batch.settle()
        yield "Batches.prove (1 item of 10)", batch.prove(0, 1)
        yield "Batches.prove (1 item of 10, 256 share a slot)", batch.prove(1, 1)
        yield "Batches.prove (10 items of 10)", batch.prove(2, 10)

    def _new(self, count: int) -> Posted:
        if not self._crew:
            self._crew = self._network.hire(WORKERS)
        return Posted.make(self._network, self._lanes, self._crew[:count])

    def _done(self, count: int) -> Posted:
        """Open, committed, and nobody has objected."""
        batch = self._new(count)
        batch.open()
        batch.post()
        for number in range(count):
            batch.commit(number)
        batch.jobs[-1].await_silence()
        return batch


def _nodes(leaves: Sequence[bytes], count: int) -> tuple[bytes, ...]:
    """What is right of the first `count` leaves, from below."""
    level, found = list(leaves), []
    while len(level) > 1:
        if count % 2 and count < len(level):
            found.append(level[count])
        pairs = [level[i : i + 2] for i in range(0, len(level), 2)]
        level = [keccak256(b"\x01" + b"".join(pair)) if len(pair) == 2 else pair[0] for pair in pairs]
        count = (count + 1) // 2
    return tuple(found)
