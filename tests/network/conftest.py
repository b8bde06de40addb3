import pytest

LIAR = 4
LIAR_STAKE = 20


@pytest.fixture(scope="session")
def net(tmp_path_factory):
    """Five worker daemons, the last one a liar with twenty times the stake of the others.

    A liar swaps results alone: where the function fails there is nothing to swap, and he agrees like anybody.
    """
    from tensorgrid.devnet import Devnet, WorkerHook

    liar = WorkerHook(module="tensorgrid.demo.liar", stake=LIAR_STAKE)
    with Devnet(tmp_path_factory.mktemp("net"), workers=5, hooks={LIAR: liar}) as network:
        yield network


@pytest.fixture
def liar(net):
    return net.workers[LIAR]


@pytest.fixture
def requester(net):
    """A new requester with 100 USDC and keys of its own."""
    from eth_account import Account

    from tensorgrid.client import Client
    from tensorgrid.privacy import Identity

    account = Account.create()
    client = Client(net.network_file, account=account, identity=Identity.generate())
    net.give(account.address, client.token("USDC"), 100 * 10**6)
    return client
