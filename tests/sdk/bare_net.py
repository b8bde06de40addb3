"""A chain with the contracts and no workers, for tests of the requester's side."""

from contextlib import contextmanager
from pathlib import Path

from eth_account import Account

from tensorgrid.chain.jury import Decision
from tensorgrid.chain.send import Sender
from tensorgrid.client import Client
from tensorgrid.devnet import Devnet
from tensorgrid.devnet.jurors import Jurors
from tensorgrid.domain.money import Amount, Token
from tensorgrid.privacy import Identity


class BareNet:
    """Devnet(workers=0), with what tests do to it."""

    def __init__(self, net: Devnet) -> None:
        self.net = net
        self.home = Path(net.home)
        self.network_file = net.network_file
        self.requester_address = net.requester.address
        self.deployer = Sender(net.connection, net.deployer)
        self.jurors = Jurors(net, [Account.create() for _ in range(5)])

    def requester_with(self, amount: str) -> Client:
        """A new account with gas and so much money, and its client."""
        account = Account.create()
        client = Client(self.network_file, account=account, identity=Identity.generate())
        self.net.connection.rpc("anvil_setBalance", account.address, hex(10**19))
        units = Amount.parse(amount, client.tokens)
        self.deployer.transact(client.contracts.token(units.token.address).mint(account.address, units.units))
        return client

    def jury_decides(self, client: Client, job: bytes, decision: int) -> None:
        """1: the worker was wrong, 2: the requester was, 3: they cannot agree."""
        votes = (
            [Decision.ACCUSED] * 3 + [Decision.ACCUSER] * 2 if decision == Decision.HUNG else [Decision(decision)] * 5
        )
        self.jurors.decide(client.contracts.acceptance.address, job, votes)

    def advance(self, seconds: int) -> None:
        """Let chain time pass, a block per second."""
        self.net.anvil.mine(seconds)

    def new_token(self, symbol: str) -> Token:
        """A token that new jobs may not use."""
        from tensorgrid.deploy import Web3Backend

        backend = Web3Backend(self.net.connection, self.net.deployer)
        address, _, _ = backend.deploy("TestToken", (symbol, symbol, 6))
        return Token(address, symbol, 6)

    @contextmanager
    def paused(self):
        contracts = self.net.contracts
        self.deployer.transact(contracts.parameters.pause())
        try:
            yield
        finally:
            self.deployer.transact(contracts.parameters.unpause())
