"""A real past, made quickly: jobs that are posted, committed to and settled by transactions of our own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from load.network import SILENCE, WALL, noop, offers_of
from tensorgrid.chain.calls import Call
from tensorgrid.chain.send import Sender
from tensorgrid.client import Client
from tensorgrid.devnet import Devnet
from tensorgrid.domain.jobs import ZERO32, JobTerms, Seat, nonce_of
from tensorgrid.domain.offers import StandingOffer

PER_JOB = 5  # JobPosted, JobTaken, JobSealed, WorkerSettled, JobSettled
LANES = 50  # jobs open at once
GAS = 900_000


def history(net: Devnet, events: int) -> None:
    """At least `events` events of the board, in rounds of LANES jobs that live and end together."""
    (worker,) = net.workers
    client = Client(net.network_file)
    client.deposit("1000 USDC")
    (offer,) = offers_of(net)
    pattern = pattern_of(client, offer)
    me, hot = Sender(net.connection, client.account), Sender(net.connection, worker.account)
    with net.paused():
        for number in range(1, -(-events // (PER_JOB * LANES)) + 1):
            one_round(net, me, hot, fresh(net, pattern, number), offer)


def pattern_of(client: Client, offer: StandingOffer) -> JobTerms:
    """Terms as the SDK draws them up for such a job; the first of them is posted by the SDK itself."""
    run = client.submit(
        noop, {"x": 0}, offers=[offer], budget="0.01 USDC", wall=WALL, verify="accept", reject_within=SILENCE
    )
    return run.terms


def fresh(net: Devnet, pattern: JobTerms, number: int) -> list[JobTerms]:
    take_by = net.connection.now() + LANES * 4  # a block is a second here, and a transaction a block
    lanes = range(1, LANES + 1)
    return [replace(pattern, nonce=nonce_of(lane, number), take_by=take_by) for lane in lanes]


def one_round(net: Devnet, me: Sender, hot: Sender, jobs: Sequence[JobTerms], offer: StandingOffer) -> None:
    board = net.contracts.board
    send_all(me, (board.post_with_offers(terms, [offer.offer]) for terms in jobs))
    seat = seat_of(net, offer)
    send_all(hot, (board.commit(terms.ref(), 1, [seat], b"\x01" * 32) for terms in jobs))
    net.advance(SILENCE)
    sealed = replace(seat, commitment=b"\x01" * 32)
    send_all(me, (board.settle(terms, [sealed]) for terms in jobs))


def seat_of(net: Devnet, offer: StandingOffer) -> Seat:
    standing = net.contracts.registry.standing(offer.worker)
    return Seat(offer.worker, standing.provider, standing.payee, offer.offer.min_price, ZERO32)


def send_all(sender: Sender, calls: Iterator[Call]) -> None:
    """Without looking at each first; then look whether all passed. Raises Reverted."""
    nonce = sender.next_nonce()
    sent: list[tuple[Call, str]] = []
    fees = sender.fees.fees(sender.connection.latest().base_fee * 2)
    for call in calls:
        signed = sender.build_and_sign(call, nonce + len(sent), gas=GAS, fees=fees)
        sender.broadcast(signed.raw)
        sent.append((call, signed.hash))
    for (call, _), receipt in zip(sent, sender.receipts([tx for _, tx in sent]), strict=True):
        if receipt is not None and not receipt.ok:
            raise sender.explain(call, receipt)
