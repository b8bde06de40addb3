"""What wallets sign for the network, as EIP-712 asks: from the contracts' type strings, hashed by eth_account.

Nothing here comes from the SDK or is asked of the contracts, so that an order, a take, a seal or an offer that the
board accepts is one that any wallet makes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_account.messages import SignableMessage, encode_typed_data

from tensorgrid.domain.jobs import JobTerms

TERMS = [
    ("address", "requester"), ("uint256", "nonce"), ("bytes32", "specDigest"), ("uint128", "price"),
    ("uint128", "reserve"), ("uint128", "bounty"), ("uint40", "takeBy"), ("address", "payToken"), ("uint16", "feeBps"),
    ("uint128", "noShowBond"), ("uint8", "reopens"), ("uint8", "workers"), ("uint128", "stake"),
    ("bytes32", "hardwareClass"), ("address", "scheduler"), ("address", "verifier"), ("bytes32", "verifierParams"),
    ("uint32", "workTime"), ("uint32", "settleTime"),
]  # fmt: skip
ORDER = [
    ("JobTerms", "terms"), ("address", "relayer"), ("uint128", "relayFee"), ("uint40", "postBy"),
    ("address[]", "workers"),
]  # fmt: skip
OFFER = [
    ("bytes32", "hardwareClass"), ("address", "payToken"), ("uint128", "minPrice"), ("uint32", "maxWall"),
    ("uint128", "maxStake"), ("uint40", "expiry"), ("uint64", "epoch"),
]  # fmt: skip
TAKE = [("bytes32", "job"), ("uint40", "until")]
SEAL = [("bytes32", "job"), ("bytes32", "commitment")]

NO_SIGNATURE = (bytes(32), bytes(32))
"""Where a seat is left as it is."""


@dataclass(frozen=True)
class Domain:
    """Who is meant by a signature: a contract on a chain."""

    chain_id: int
    contract: str
    name: str = "tensorgrid"
    version: str = "1"

    def message(self, kind: str, fields: list[tuple[str, str]], values: Sequence[Any]) -> SignableMessage:
        types = {kind: _members(fields)}
        if any(name == "JobTerms" for name, _ in fields):
            types["JobTerms"] = _members(TERMS)
        data = {name: value for (_, name), value in zip(fields, values, strict=True)}
        return encode_typed_data(
            domain_data={
                "name": self.name,
                "version": self.version,
                "chainId": self.chain_id,
                "verifyingContract": self.contract,
            },
            message_types=types,
            message_data=data,
        )

    def terms(self, terms: JobTerms) -> SignableMessage:
        """Signed by nobody: its digest is the JobId, its body the struct hash."""
        return self.message("JobTerms", TERMS, terms.as_tuple())

    def order(self, terms: JobTerms, order: Order) -> SignableMessage:
        plain = {name: value for (_, name), value in zip(TERMS, terms.as_tuple(), strict=True)}
        return self.message("Order", ORDER, (plain, *order.as_tuple()))

    def take(self, job: bytes, until: int) -> SignableMessage:
        return self.message("Take", TAKE, (job, until))

    def seal(self, job: bytes, commitment: bytes) -> SignableMessage:
        return self.message("Seal", SEAL, (job, commitment))

    def offer(self, values: Sequence[Any]) -> SignableMessage:
        return self.message("Offer", OFFER, values)


@dataclass(frozen=True)
class Order:
    """As in JobTypes.sol."""

    relayer: str
    relay_fee: int
    post_by: int
    workers: tuple[str, ...] = ()

    def as_tuple(self) -> tuple[Any, ...]:
        return (self.relayer, self.relay_fee, self.post_by, list(self.workers))


def short(account: Any, message: SignableMessage) -> tuple[bytes, bytes]:
    """The account's signature in the short form of EIP-2098."""
    r, s, v = _sign(account, message)
    return r, (int.from_bytes(s, "big") | (v - 27) << 255).to_bytes(32, "big")


def long(account: Any, message: SignableMessage) -> bytes:
    """The account's signature in 65 bytes."""
    r, s, v = _sign(account, message)
    return r + s + bytes([v])


def _sign(account: Any, message: SignableMessage) -> tuple[bytes, bytes, int]:
    signature = account.sign_message(message)  # ape drops leading zeros
    return bytes(signature.r).rjust(32, b"\0"), bytes(signature.s).rjust(32, b"\0"), int(signature.v)


def _members(fields: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"type": kind, "name": name} for kind, name in fields]
