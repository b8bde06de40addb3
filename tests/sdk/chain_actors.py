"""A requester with money on a quiet chain, and terms that its board accepts."""

from dataclasses import replace

from eth_account import Account

from tensorgrid.chain.send import Sender
from tensorgrid.domain.jobs import JobTerms, ReplicationClocks, hardware_class

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
        self.nonce = 0

    def deposit(self, amount=100 * 10**6):
        token, escrow, board = (self.contracts.token(self.coin.address), self.contracts.escrow, self.contracts.board)
        self.sender.transact(token.approve(escrow.address, amount))
        return self.sender.transact(escrow.deposit(board.address, self.coin.address, self.address, amount))

    def terms(self, **changes) -> JobTerms:
        self.nonce += 1
        values = self.contracts.parameters.values()
        plain = JobTerms(
            requester=self.address,
            nonce=self.nonce,
            spec_digest=b"\4" * 32,
            pay_token=self.coin.address,
            price=PRICE,
            reserve=2 * PRICE,
            fee_bps=values.fee_bps,
            bounty=7,
            no_show_bond=values.min_no_show_bond,
            reopens=0,
            workers=3,
            stake=values.min_stake,
            hardware_class=hardware_class("cpu"),
            scheduler=self.contracts.lottery.address,
            verifier=self.contracts.replication.address,
            verifier_params=ReplicationClocks(8, 8, 10).pack(),
            take_by=self.net.connection.now() + 60,
            work_time=60,
            settle_time=300,
        )
        return replace(plain, **changes)

    def post(self, **changes):
        """(terms, id, receipt)"""
        terms = self.terms(**changes)
        receipt = self.sender.transact(self.contracts.board.post(terms))
        return terms, self.contracts.id_of(terms), receipt
