import pytest


@pytest.fixture(scope="session")
def bare_net(tmp_path_factory):
    """A chain with the contracts and no workers; tests make requesters of their own on it."""
    from tests.sdk.bare_net import BareNet

    from tensorgrid.devnet import Devnet

    with Devnet(tmp_path_factory.mktemp("bare-net"), workers=0, hold=True) as net:
        yield BareNet(net)


@pytest.fixture(scope="session")
def quiet_net(tmp_path_factory):
    """A chain with the contracts, no workers, and no blocks but those of transactions: nothing waits for a clock."""
    from tensorgrid.devnet import Devnet

    with Devnet(tmp_path_factory.mktemp("quiet-net"), workers=0, hold=True) as net:
        yield net


@pytest.fixture
def usual_recursion():
    """Python's own limit: py-evm, which ape loads, raises it until nested JSON overflows the C stack."""
    import sys

    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    yield
    sys.setrecursionlimit(before)


@pytest.fixture
def own_net(tmp_path):
    """As `quiet_net`, for one test alone: it may reorganise or end the chain."""
    from tensorgrid.devnet import Devnet

    with Devnet(tmp_path / "own-net", workers=0, hold=True) as net:
        yield net
