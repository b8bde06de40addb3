"""What parties do with their money, stake and names, apart from jobs. Each can be done again by the same parties."""

from __future__ import annotations

from collections.abc import Iterator

from tensorgrid.domain.eip712 import struct_hash
from tensorgrid.domain.encoding import keccak256

from .chain import Receipt
from .network import COIN, STAKE_COIN, UNSTAKED, Network, signed

Steps = Iterator[tuple[str, Receipt]]
_PERMIT = "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
_STAKE = 10_000 * STAKE_COIN


def money(network: Network) -> Steps:
    """In by an approval given long ago, and out again, all but a rest."""
    owner, board, token = network.newcomer, network.address("JobBoard"), network.address("TestToken.USDC")
    yield "Escrow.deposit", network.deposit(owner, 100 * COIN)
    yield "Escrow.withdraw", network.transact(owner, "Escrow", "withdraw", board, token, 90 * COIN, owner.address)


def permitted_money(network: Network) -> Steps:
    """In by a permit, without any approval before."""
    owner, board, token = network.guest, network.address("JobBoard"), network.address("TestToken.USDC")
    amount, deadline = 100 * COIN, network.chain.now + 600
    nonce = network.ask("TestToken.USDC", "nonces", owner.address)
    members = [owner.address, network.address("Escrow"), amount, nonce, deadline]
    domain = network.ask("TestToken.USDC", "DOMAIN_SEPARATOR")
    permit = signed(owner, keccak256(b"\x19\x01" + domain + struct_hash(_PERMIT, members))).to_bytes()
    r, s, v = permit[:32], permit[32:64], permit[64]
    yield (
        "Escrow.depositWithPermit",
        network.transact(owner, "Escrow", "depositWithPermit", board, token, owner.address, amount, deadline, v, r, s),
    )


def names(network: Network) -> Steps:
    """A provider's first worker, later the next one; a new price."""
    index = next(i for i in UNSTAKED if network.ask("WorkerRegistry", "registeredAt", network.workers[i].address) == 0)
    yield "WorkerRegistry.register", network.register(index)
    owner, price = network.owner_of(index), COIN + index
    yield (
        "WorkerRegistry.update",
        network.transact(
            owner, "WorkerRegistry", "update", network.workers[index].address, network.profile(owner, price=price)
        ),
    )
    yield "OfferScheduler.raiseEpoch", network.transact(network.workers[0], "OfferScheduler", "raiseEpoch")


def stake(network: Network) -> Steps:
    """In, to the board, and all the way out, but for a rest everywhere."""
    index = UNSTAKED[0]
    owner, worker, board = network.owner_of(index), network.workers[index].address, network.address("JobBoard")
    yield "StakeVault.deposit", network.transact(owner, "StakeVault", "deposit", worker, _STAKE)
    yield "StakeVault.allocate", network.allocate(index, _STAKE // 2)
    yield (
        "StakeVault.setLockCap",
        network.transact(owner, "StakeVault", "setLockCap", worker, board, True, _STAKE // 10),
    )
    yield "StakeVault.requestExit", network.transact(owner, "StakeVault", "requestExit", worker, board, _STAKE // 4)
    network.chain.at(network.chain.now + network.ask("StakeVault", "EXIT_DELAY") + 1)
    yield "StakeVault.finishExit", network.transact(owner, "StakeVault", "finishExit", worker, board)
    yield "StakeVault.withdraw", network.transact(owner, "StakeVault", "withdraw", worker, _STAKE // 4, owner.address)


def found_out(network: Network) -> Steps:
    """A finder's share, claimed. No shipped verifier names a finder yet, so the tests' own controller slashes."""
    index, controller, vault = UNSTAKED[0], network.address("StubController"), network.interface("StakeVault")
    owner, worker, finder = network.owner_of(index), network.workers[index].address, network.closer
    network.transact(owner, "StakeVault", "deposit", worker, _STAKE)
    network.transact(owner, "StakeVault", "allocate", worker, controller, _STAKE)
    for payload in (
        vault.encode_call("lock", owner.address, worker, _STAKE),
        vault.encode_call("release", owner.address, worker, _STAKE, _STAKE, finder.address, _STAKE // 2),
    ):
        network.transact(network.deployer, "StubController", "run", network.address("StakeVault"), payload)
    yield "StakeVault.claim", network.transact(finder, "StakeVault", "claim", finder.address)
    yield "StakeVault.flushBurned", network.transact(network.closer, "StakeVault", "flushBurned")
