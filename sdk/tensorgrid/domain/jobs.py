"""Terms, ids, seeds and commitments: the same bytes as contracts/types/JobTypes.sol, proven by asking the contracts."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum
from typing import NewType

from tensorgrid.domain.encoding import keccak256, word

JobId = NewType("JobId", bytes)
"""32 bytes: EIP-712 hash of the terms under the domain (chain id, board)."""

ZERO32 = bytes(32)

TERMS_TYPE = (
    "JobTerms(address requester,uint256 nonce,bytes32 specDigest,address payToken,uint128 price,uint128 reserve,"
    "uint16 feeBps,uint128 bounty,uint128 noShowBond,uint8 reopens,uint8 workers,uint128 stake,bytes32 hardwareClass,"
    "address scheduler,address verifier,bytes32 verifierParams,uint40 takeBy,uint32 workTime,uint32 settleTime)"
)
_DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
DOMAIN_NAME, DOMAIN_VERSION = "tensorgrid", "1"
BPS_WHOLE = 10_000
SEAL_BYTES = 30


class JobState(IntEnum):
    NONE = 0
    POSTED = 1
    ASSIGNED = 2
    COMMITTED = 3
    SETTLED = 4
    CANCELLED = 5
    EXPIRED = 6

    @property
    def ended(self) -> bool:
        return self >= JobState.SETTLED


class SeatState(IntEnum):
    NONE = 0
    TAKEN = 1
    COMMITTED = 2


class Fault(IntEnum):
    NONE = 0
    NO_SHOW = 1
    SLASHED = 2


class ExitClass(IntEnum):
    """How a run ended; part of the result root, so that failing can be agreed on."""

    OK = 0
    RAISED = 1
    WALL_LIMIT = 2
    MEMORY_LIMIT = 3
    OUTPUT_TOO_LARGE = 4


@dataclass(frozen=True, slots=True)
class JobTerms:
    """What requester and workers agree on, in EIP-712 order. Money is integers, times are Unix seconds."""

    requester: str
    nonce: int
    spec_digest: bytes
    pay_token: str
    price: int
    reserve: int
    fee_bps: int
    bounty: int
    no_show_bond: int
    reopens: int
    workers: int
    stake: int
    hardware_class: bytes
    scheduler: str
    verifier: str
    verifier_params: bytes
    take_by: int
    work_time: int
    settle_time: int

    def as_tuple(self) -> tuple[object, ...]:
        """In ABI order, for contract calls."""
        return tuple(getattr(self, field.name) for field in fields(self))

    def id(self, chain_id: int, board: str) -> JobId:
        """Equal to JobBoard.idOf(terms) of `board` on `chain_id`."""
        struct_hash = keccak256(keccak256(TERMS_TYPE.encode()) + b"".join(word(v) for v in self.as_tuple()))  # type: ignore[arg-type]
        domain = keccak256(
            keccak256(_DOMAIN_TYPE.encode())
            + keccak256(DOMAIN_NAME.encode())
            + keccak256(DOMAIN_VERSION.encode())
            + word(chain_id)
            + word(board)
        )
        return JobId(keccak256(b"\x19\x01" + domain + struct_hash))

    @property
    def max_pay(self) -> int:
        """The most that can be paid to workers: all first seats and the whole reserve."""
        return self.price * self.workers + self.reserve

    @property
    def escrow(self) -> int:
        """What posting holds: max_pay, the fee on it (rounded up) and the bounty."""
        return self.max_pay + fee_on(self.fee_bps, self.max_pay) + self.bounty


@dataclass(frozen=True, slots=True)
class Job:
    state: JobState
    taken: int
    committed: int
    extra_committed: int
    contested: bool
    reopened: int
    posted_at: int
    round: int
    deadline: int
    committed_at: int


@dataclass(frozen=True, slots=True)
class Seat:
    state: SeatState
    number: int
    seal: bytes


@dataclass(frozen=True, slots=True)
class ExtraSeats:
    count: int
    round: int
    opens_at: int
    take_by: int
    work_by: int


@dataclass(frozen=True, slots=True)
class ReplicationClocks:
    """JobTerms.verifier_params of the replicate tier, from the lowest bits: three uint32 of seconds."""

    reveal_time: int
    grace: int
    extra_take_time: int

    def pack(self) -> bytes:
        return (self.reveal_time | self.grace << 32 | self.extra_take_time << 64).to_bytes(32, "big")

    @classmethod
    def unpack(cls, params: bytes) -> ReplicationClocks:
        value = int.from_bytes(params, "big")
        return cls(value & 0xFFFFFFFF, value >> 32 & 0xFFFFFFFF, value >> 64 & 0xFFFFFFFF)


def fee_on(fee_bps: int, amount: int) -> int:
    """Rounds up, as Money.sol does."""
    return (amount * fee_bps + BPS_WHOLE - 1) // BPS_WHOLE


def job_seed(job: JobId, beacon_value: bytes) -> bytes:
    """What every replica seeds everything from: keccak256(JobId, value of the round named at posting)."""
    return keccak256(job + beacon_value)


def commitment(job: JobId, worker: str, salt: bytes, shown: bytes, receipt_digest: bytes) -> bytes:
    """keccak256(abi.encode(JobId, worker, salt, shown, receiptDigest)); SEAL_BYTES of it go on chain.

    `shown`: keccak256(resultRoot) in a first seat, in an extra one the resultRoot itself. The first reveals make the
    hash public; an extra worker who knows no more than that must not be able to commit to it.
    """
    return keccak256(job + word(worker) + salt + shown + receipt_digest)


def hardware_class(name: str) -> bytes:
    """The on-chain name of a class such as "cpu"."""
    return keccak256(name.encode())
