"""A requester with money on a quiet chain, and terms that its board accepts; a worker who does what tests say."""

from dataclasses import replace

from eth_account import Account

from tensorgrid.chain.send import Sender
from tensorgrid.chain.signing import sign
from tensorgrid.domain.eip712 import Signature
from tensorgrid.domain.jobs import ZERO32, ExitClass, JobTerms, ReplicationClocks, hardware_class, nonce_of
from tensorgrid.domain.offers import Offer, StandingOffer
from tensorgrid.domain.receipts import Environment, Receipt, SealedRef
from tensorgrid.domain.workers import WorkerProfile
from tensorgrid.privacy import seal
from tensorgrid.provider import register_worker, stake

PRICE = 1_000_003


class Requester:
    """An account with gas and tokens, a new one unless named."""

    def __init__(self, net, tokens=1000 * 10**6, account=None):
        self.net = net
        self.contracts = net.contracts
        self.account = account or Account.create()
        self.address = self.account.address
        self.coin = net.deployment.token("USDC")
        net.give(self.address, self.coin, tokens)
        self.sender = Sender(net.connection, self.account, timeout=20)
        self.lanes = 0

    def deposit(self, amount=100 * 10**6):
        token, escrow, board = (self.contracts.token(self.coin.address), self.contracts.escrow, self.contracts.board)
        self.sender.transact(token.approve(escrow.address, amount))
        return self.sender.transact(escrow.deposit(board.address, self.coin.address, self.address, amount))

    def terms(self, **changes) -> JobTerms:
        """Of a job in a lane of its own."""
        self.lanes += 1
        values = self.contracts.parameters.values()
        plain = JobTerms(
            requester=self.address,
            nonce=nonce_of(self.lanes, 1),
            spec_digest=b"\4" * 32,
            price=PRICE,
            reserve=2 * PRICE,
            bounty=7,
            take_by=self.net.connection.now() + 60,
            pay_token=self.coin.address,
            fee_bps=values.fee_bps,
            no_show_bond=values.min_no_show_bond,
            reopens=0,
            workers=3,
            stake=values.min_stake,
            hardware_class=hardware_class("cpu"),
            scheduler=self.contracts.lottery.address,
            verifier=self.contracts.replication.address,
            verifier_params=ReplicationClocks(8, 8, 10).pack(),
            work_time=60,
            settle_time=300,
        )
        return replace(plain, **changes)

    def post(self, **changes):
        """(terms, id, receipt)"""
        terms = self.terms(**changes)
        receipt = self.sender.transact(self.contracts.board.post(terms))
        return terms, self.contracts.id_of(terms), receipt


class StakedWorker:
    """Registered, with a stake behind it, and no daemon: tests call its verbs. Offers are signed with its own key."""

    def __init__(self, net, stakes=10, capacity=10, fingerprint=ZERO32):
        self.net = net
        self.contracts = net.contracts
        self.account = Account.create()
        self.address = self.account.address
        provider = Account.create()
        self.provider = provider.address
        amount = self.contracts.parameters.values().min_stake * stakes
        net.give(provider.address, net.stake_token, max(amount, 1))
        net.anvil.fund(self.address, 10**21)
        self.sender = Sender(net.connection, self.account, timeout=20)
        profile = WorkerProfile(
            payout=provider.address, hardware_class=hardware_class("cpu"), fingerprint=fingerprint, capacity=capacity
        )
        register_worker(Sender(net.connection, provider), self.contracts, self.account, profile)
        if amount:
            stake(Sender(net.connection, provider), self.contracts, self.address, amount)
        net.anvil.mine(1)  # nobody is seated in the block that he came in

    def offer(self, min_price=500_000, **changes):
        bounds = {
            "min_price": min_price,
            "max_wall": 600,
            "max_stake": self.contracts.parameters.values().min_stake,
            "expiry": self.net.connection.now() + 3000,
            "epoch": self.contracts.offers.epoch_of(self.address),
        }
        unsigned = StandingOffer(
            worker=self.address,
            chain_id=self.contracts.chain_id,
            scheduler=self.contracts.offers.address,
            hardware_class=hardware_class("cpu"),
            pay_token=self.net.deployment.token("USDC").address,
            offer=Offer(**bounds | changes, signature=Signature(ZERO32, ZERO32)),
        )
        signed = replace(unsigned.offer, signature=sign(self.account, unsigned.message()))
        return replace(unsigned, offer=signed)

    def deliver(self, run, store, payload, exit_class=ExitClass.OK):
        """Seal, store and commit, as the accept tier wants it: the commitment is the receipt's digest."""
        story = run.story()
        ref = None
        if payload is not None:
            sealed = seal(payload, run.spec.recipients)
            ref = SealedRef(store.put(sealed), len(sealed))
        receipt = Receipt(run.id, self.address, exit_class, ref, None, Environment("3.11", None, "test"))
        store.put(receipt.to_bytes())
        number = story.seats[self.address].number
        self.sender.transact(self.contracts.board.commit(story.terms.ref(), number, story.held, receipt.digest))
        return receipt
