"""The jury: judges drawn for one case. A case is named by who opened it (`verifier`) and its id."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from eth_abi.abi import encode

from tensorgrid.chain.calls import Call, Contract
from tensorgrid.domain.encoding import keccak256


class Decision(IntEnum):
    """IJury.Decision; jurors vote ACCUSED (was wrong) or ACCUSER."""

    PENDING = 0
    ACCUSED = 1
    ACCUSER = 2
    HUNG = 3


class Phase(IntEnum):
    """IJurySeats.Phase of a round."""

    FILLING = 0
    VOTING = 1
    SHOWING = 2
    OVER = 3


@dataclass(frozen=True, slots=True)
class JuryRules:
    """Clocks in seconds, amounts in stake-token units."""

    take_time: int
    vote_time: int
    reveal_time: int
    appeal_time: int
    juror_stake: int
    no_show_bond: int
    reward: int


@dataclass(frozen=True, slots=True)
class JuryRound:
    """IJurySeats.Round: times are timestamps, `draw` a beacon round."""

    opened_at: int
    draw: int
    ended_at: int
    size: int
    taken: int
    committed: int
    revealed: int
    accused: int
    accuser: int
    released: bool

    def over_at(self, rules: JuryRules) -> int:
        """The last second of a round that is over."""
        if self.ended_at:
            return self.ended_at
        take_by = self.opened_at + rules.take_time
        return take_by if self.taken < self.size else take_by + rules.vote_time + rules.reveal_time


@dataclass(frozen=True, slots=True)
class Juror:
    """IJurySeats.Juror. `vote` PENDING: not shown. `tag` tells providers apart. `commitment` zero: not voted."""

    worker: str
    tag: int
    vote: Decision
    commitment: bytes


def vote_commitment(verifier: str, case_id: bytes, appeal: bool, juror: str, decision: Decision, salt: bytes) -> bytes:
    """What a juror commits to, as the contract computes it; 32 bytes."""
    kinds = ["address", "bytes32", "bool", "address", "uint8", "bytes32"]
    return keccak256(encode(kinds, [verifier, case_id, appeal, juror, int(decision), salt]))


class Jury(Contract):
    """Five seats by lot, commit and reveal, one appeal with 21. All times are chain time."""

    def rules(self, *, block: int | str = "latest") -> JuryRules:
        return JuryRules(*self.read("rules", block=block))

    def fee(self, token: str, *, block: int | str = "latest") -> int:
        """Units of `token` that the loser of a case pays; 0: not heard in it."""
        return int(self.read("fee", token, block=block))

    def appeal_fee(self, token: str, *, block: int | str = "latest") -> int:
        return int(self.read("appealFee", token, block=block))

    def decision_time(self, *, block: int | str = "latest") -> int:
        """Seconds, appeal included."""
        return int(self.read("DECISION_TIME", block=block))

    def decision_of(self, verifier: str, case_id: bytes, *, block: int | str = "latest") -> Decision:
        """Raises Reverted (UnknownCase)."""
        return Decision(self.read("decisionOf", verifier, case_id, block=block))

    def purse_of(self, verifier: str, case_id: bytes, *, block: int | str = "latest") -> str:
        """Where the loser's fee and the finder's share of a slash wait for `share`."""
        return str(self.read("purseOf", verifier, case_id, block=block))

    def round_of(
        self, verifier: str, case_id: bytes, *, appeal: bool = False, block: int | str = "latest"
    ) -> tuple[JuryRound, Phase]:
        """Raises Reverted (UnknownCase, NotAppealed)."""
        found, phase = self.read("roundOf", verifier, case_id, appeal, block=block)
        return JuryRound(*found), Phase(phase)

    def juror_of(
        self, verifier: str, case_id: bytes, number: int, *, appeal: bool = False, block: int | str = "latest"
    ) -> Juror:
        """Who has seat `number`, from 1, of a round."""
        worker, tag, vote, commitment = self.read("jurorOf", verifier, case_id, appeal, number, block=block)
        return Juror(str(worker), int(tag), Decision(vote), bytes(commitment))

    def drawn(self, verifier: str, case_id: bytes, worker: str, time: int, *, block: int | str = "latest") -> bool:
        """Whether the worker's ticket has won by `time` (Unix seconds, may lie ahead)."""
        return bool(self.read("drawn", verifier, case_id, worker, time, block=block))

    def take(self, verifier: str, case_id: bytes) -> Call:
        """By a worker whose ticket has won."""
        return self.build("take", verifier, case_id)

    def vote(self, verifier: str, case_id: bytes, number: int, commitment: bytes) -> Call:
        """By the juror of seat `number`, once."""
        return self.build("vote", verifier, case_id, number, commitment)

    def show(self, verifier: str, case_id: bytes, number: int, decision: Decision, salt: bytes) -> Call:
        """By anyone with the salt, when nobody can vote any more."""
        return self.build("show", verifier, case_id, number, int(decision), salt)

    def appeal(self, verifier: str, case_id: bytes, token: str) -> Call:
        """By the loser or his provider, with `appeal_fee` free in the Escrow for the jury."""
        return self.build("appeal", verifier, case_id, token)

    def release(self, verifier: str, case_id: bytes, *, appeal: bool = False) -> Call:
        """By anyone, once the round is over: its jurors' stake is free again."""
        return self.build("release", verifier, case_id, appeal)

    def share(self, verifier: str, case_id: bytes, controller: str, token: str) -> Call:
        """By anyone, once decided: pay the jurors out of what the Escrow has credited to the purse under `controller`.
        The zero address: out of a slash."""
        return self.build("share", verifier, case_id, controller, token)

    def pay_appeal(self, verifier: str, case_id: bytes) -> Call:
        """By anyone, once decided."""
        return self.build("payAppeal", verifier, case_id)
