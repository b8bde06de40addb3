"""Terms, ids, seats and commitments: the same bytes as contracts/types/JobTypes.sol, proven by asking the contracts."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum
from typing import NewType

from tensorgrid.domain.eip712 import SigningDomain, struct_hash
from tensorgrid.domain.encoding import keccak256, word

JobId = NewType("JobId", bytes)
"""32 bytes: EIP-712 hash of the terms under the domain (chain id, board)."""

ZERO32 = bytes(32)
ZERO_ADDRESS = "0x" + "0" * 40

TERMS_TYPE = (
    "JobTerms(address requester,uint256 nonce,bytes32 specDigest,uint128 price,uint128 reserve,uint128 bounty,"
    "uint40 takeBy,address payToken,uint16 feeBps,uint128 noShowBond,uint8 reopens,uint8 workers,uint128 stake,"
    "bytes32 hardwareClass,address scheduler,address verifier,bytes32 verifierParams,uint32 workTime,uint32 settleTime)"
)
_SEAL_TYPE = "Seal(bytes32 job,bytes32 commitment)"
DOMAIN_NAME, DOMAIN_VERSION = "tensorgrid", "1"
BPS_WHOLE = 10_000
LAST_SEQUENCE = 2**16 - 1
"""After this many jobs a lane is used up."""
MAX_SEATS = 5
PAIR, TRIO = 2, 3
"""Workers of the replicate tier's first round."""
SCORE_ONE = 10**18
"""Score rates and weights are points per so many units of money."""
SCORE_RATE_BITS = 112


class JobState(IntEnum):
    NONE = 0
    POSTED = 1
    ASSIGNED = 2
    COMMITTED = 3
    SETTLED = 4
    CANCELLED = 5
    EXPIRED = 6
    SUPERSEDED = 7
    """Ended, and overwritten by the lane's next job: its events tell how."""

    @property
    def ended(self) -> bool:
        return self >= JobState.SETTLED


class Fault(IntEnum):
    NONE = 0
    NO_SHOW = 1
    SLASHED = 2
    ABANDONED = 3
    """Gave the seat back in time."""


class ExitClass(IntEnum):
    """How a run ended; part of the result root, so that failing can be agreed on."""

    OK = 0
    RAISED = 1
    WALL_LIMIT = 2
    MEMORY_LIMIT = 3
    OUTPUT_TOO_LARGE = 4


def nonce_of(lane: int, sequence: int) -> int:
    """JobTerms.nonce: jobs of one lane follow one another, each with a higher sequence (1 to LAST_SEQUENCE)."""
    if not 1 <= sequence <= LAST_SEQUENCE:
        raise ValueError(f"a sequence is 1 to {LAST_SEQUENCE}, not {sequence}")
    return lane << 16 | sequence


def lane_and_sequence(nonce: int) -> tuple[int, int]:
    """The inverse of `nonce_of`."""
    return nonce >> 16, nonce & LAST_SEQUENCE


def board_domain(chain_id: int, board: str) -> SigningDomain:
    """Whom orders, takes and seals are signed for, and what a JobId is a hash under."""
    return SigningDomain(DOMAIN_NAME, DOMAIN_VERSION, chain_id, board)


@dataclass(frozen=True, slots=True)
class JobRef:
    """A job named without its terms; `terms_hash` is their EIP-712 struct hash, 32 bytes."""

    requester: str
    nonce: int
    terms_hash: bytes

    def as_tuple(self) -> tuple[str, int, bytes]:
        """In ABI order, for contract calls."""
        return self.requester, self.nonce, self.terms_hash


@dataclass(frozen=True, slots=True)
class JobTerms:
    """What requester and workers agree on, in EIP-712 order. Money is integers, times are Unix seconds.

    From `pay_token` on lies the policy: what a network admits once, whoever posts.
    """

    requester: str
    nonce: int
    spec_digest: bytes
    price: int
    reserve: int
    bounty: int
    take_by: int
    pay_token: str
    fee_bps: int
    no_show_bond: int
    reopens: int
    workers: int
    stake: int
    hardware_class: bytes
    scheduler: str
    verifier: str
    verifier_params: bytes
    work_time: int
    settle_time: int

    def as_tuple(self) -> tuple[object, ...]:
        """In ABI order, for contract calls."""
        return tuple(getattr(self, field.name) for field in fields(self))

    def struct_hash(self) -> bytes:
        """EIP-712 struct hash: the job without chain and board."""
        return struct_hash(TERMS_TYPE, self.as_tuple())  # type: ignore[arg-type]

    def id(self, chain_id: int, board: str) -> JobId:
        """Equal to JobBoard.idOf(terms) of `board` on `chain_id`."""
        return JobId(board_domain(chain_id, board).digest(self.struct_hash()))

    def ref(self) -> JobRef:
        """The job named without its terms, for `commit`."""
        return JobRef(self.requester, self.nonce, self.struct_hash())

    @property
    def lane(self) -> int:
        return self.nonce >> 16

    @property
    def max_pay(self) -> int:
        """The most that can be paid to workers: all first seats and the whole reserve."""
        return self.price * self.workers + self.reserve

    def loss(self, fault: Fault) -> int:
        """What a worker with this fault loses of his stake, stake-token units."""
        half = (self.no_show_bond + 1) // 2  # rounded up, as the board does
        return {
            Fault.NONE: 0, Fault.NO_SHOW: self.no_show_bond, Fault.SLASHED: self.stake, Fault.ABANDONED: half
        }[fault]  # fmt: skip

    @property
    def escrow(self) -> int:
        """What posting holds: max_pay, the fee on it (rounded up) and the bounty."""
        return self.max_pay + fee_on(self.fee_bps, self.max_pay) + self.bounty


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the board has it now. `committed`: bit n-1 is seat n's. `digest`: 20 bytes.

    `clock`: when posted or opened again (POSTED), the work deadline (ASSIGNED), since when (COMMITTED); Unix seconds.
    `silent`: uncontested, it pays by its terms. `folded`: the digest covers the seats, and callers must show them all.
    `round`: draws the seats. `reopened`: they were lost, and given out anew.
    """

    state: JobState
    taken: int
    committed: int
    contested: bool
    silent: bool
    folded: bool
    sequence: int
    clock: int
    round: int
    digest: bytes
    reopened: bool = False

    @classmethod
    def of_word(cls, word: int) -> Job:
        """From the one storage slot that it is kept in (types/JobWord.sol)."""
        return cls(
            state=JobState(word & 7),
            taken=word >> 8 & 7,
            committed=word >> 11 & 31,
            contested=bool(word >> 5 & 1),
            silent=bool(word >> 4 & 1),
            folded=bool(word >> 3 & 1),
            sequence=word >> 16 & 0xFFFF,
            clock=word >> 32 & 0xFFFFFFFF,
            round=word >> 64 & 0xFFFFFFFF,
            digest=(word >> 96).to_bytes(20, "big"),
            reopened=bool(word >> 7 & 1),
        )

    @property
    def word(self) -> int:
        """As `of_word` reads it."""
        flags = self.folded << 3 | self.silent << 4 | self.contested << 5 | self.reopened << 7
        counts = self.taken << 8 | self.committed << 11 | self.sequence << 16
        times = self.clock << 32 | self.round << 64
        return self.state | flags | counts | times | int.from_bytes(self.digest, "big") << 96

    def take_by(self, terms: JobTerms, reopen_time: int) -> int:
        """Chain time until which first seats may be taken (POSTED); `reopen_time` as Parameters.REOPEN_TIME."""
        return self.clock + reopen_time if self.reopened else terms.take_by

    def deadline(self, terms: JobTerms, reopen_time: int = 0) -> int | None:
        """Chain time by which this state is left, None when nothing is waited for. `reopen_time` as in `take_by`."""
        match self.state:
            case JobState.POSTED:
                return self.take_by(terms, reopen_time)
            case JobState.ASSIGNED:
                return self.clock
            case JobState.COMMITTED:
                return self.clock + terms.settle_time
        return None


@dataclass(frozen=True, slots=True)
class Seat:
    """A seat as JobTaken and JobSealed have shown it; calls pass it back. `commitment` is zero until there is one."""

    worker: str
    provider: str
    payee: str
    price: int
    commitment: bytes = ZERO32

    def as_tuple(self) -> tuple[str, str, str, int, bytes]:
        """In ABI order, for contract calls."""
        return self.worker, self.provider, self.payee, self.price, self.commitment

    @property
    def committed(self) -> bool:
        return self.commitment != ZERO32


EMPTY_SEAT = Seat(ZERO_ADDRESS, ZERO_ADDRESS, ZERO_ADDRESS, 0)
"""What a caller passes for a seat that the call does not need."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens a commitment. `shown`: keccak256(resultRoot) in a first seat, in an extra one the root itself."""

    number: int
    salt: bytes
    shown: bytes
    receipt_digest: bytes

    def as_tuple(self) -> tuple[int, bytes, bytes, bytes]:
        """In ABI order, for contract calls."""
        return self.number, self.salt, self.shown, self.receipt_digest


@dataclass(frozen=True, slots=True)
class ExtraSeats:
    count: int
    round: int
    opens_at: int
    take_by: int
    work_by: int


@dataclass(frozen=True, slots=True)
class ReplicationClocks:
    """JobTerms.verifier_params of the replicate tier, from the lowest bits: three uint32 of seconds, one uint112.

    `score_rate`: with two workers, the points per 1e18 units of price that let them settle without a third; else 0.
    """

    reveal_time: int
    grace: int
    extra_take_time: int
    score_rate: int = 0

    def pack(self) -> bytes:
        clocks = self.reveal_time | self.grace << 32 | self.extra_take_time << 64
        return (clocks | self.score_rate << 96).to_bytes(32, "big")

    @classmethod
    def unpack(cls, params: bytes) -> ReplicationClocks:
        value = int.from_bytes(params, "big")
        rate = value >> 96 & (1 << SCORE_RATE_BITS) - 1
        return cls(value & 0xFFFFFFFF, value >> 32 & 0xFFFFFFFF, value >> 64 & 0xFFFFFFFF, rate)

    def score_needed(self, price: int) -> int:
        """Points that each of two workers needs, for `price` units per worker; rounds up, as the verifier does."""
        return -(-price * self.score_rate // SCORE_ONE)


@dataclass(frozen=True, slots=True)
class AcceptanceClocks:
    """JobTerms.verifier_params of the accept tier: seconds from Committed in which the requester may reject."""

    window: int

    def pack(self) -> bytes:
        return self.window.to_bytes(32, "big")

    @classmethod
    def unpack(cls, params: bytes) -> AcceptanceClocks:
        return cls(int.from_bytes(params, "big") & 0xFFFFFFFF)


def fee_on(fee_bps: int, amount: int) -> int:
    """Rounds up, as Money.sol does."""
    return (amount * fee_bps + BPS_WHOLE - 1) // BPS_WHOLE


def job_seed(job: JobId, beacon_value: bytes) -> bytes:
    """What every replica seeds everything from: keccak256(JobId, value of the round named at posting)."""
    return keccak256(job + beacon_value)


def seal_digest(job: JobId, commitment: bytes, chain_id: int, board: str) -> bytes:
    """What a worker signs so that another posts his commitment; 32 bytes."""
    return board_domain(chain_id, board).digest(struct_hash(_SEAL_TYPE, [job, commitment]))


def commitment(job: JobId, worker: str, salt: bytes, shown: bytes, receipt_digest: bytes) -> bytes:
    """keccak256(abi.encode(JobId, worker, salt, shown, receiptDigest)).

    `shown`: keccak256(resultRoot) in a first seat, in an extra one the resultRoot itself. The first reveals make the
    hash public; an extra worker who knows no more than that must not be able to commit to it.
    """
    return keccak256(job + word(worker) + salt + shown + receipt_digest)


def hardware_class(name: str) -> bytes:
    """The on-chain name of a class such as "cpu"."""
    return keccak256(name.encode())
