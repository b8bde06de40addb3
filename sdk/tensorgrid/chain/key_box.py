"""KeyBox: hands the keys of private jobs to whoever took them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tensorgrid.chain.board import seats as seats_abi
from tensorgrid.chain.calls import Call, Contract
from tensorgrid.chain.history import Event
from tensorgrid.domain.jobs import JobId, JobTerms, Seat


class KeyBox(Contract):
    """Writers return a Call for someone to send. Errors are those of IKeyBox.

    `held`: the job's seats, seat n at index n - 1, as calls to the board take them.
    """

    def is_missed(self, requester: str, nonce: int, *, block: int | str = "latest") -> bool:
        """Whether a worker of the job that the lane of this nonce holds now was found without a key."""
        return bool(self.read("isMissed", requester, nonce, block=block))

    def is_handed(self, requester: str, nonce: int, number: int, *, block: int | str = "latest") -> bool:
        return bool(self.read("isHanded", requester, nonce, number, block=block))

    def delegate_of(self, requester: str, *, block: int | str = "latest") -> str:
        return str(self.read("delegateOf", requester, block=block))

    def set_delegate(self, delegate: str) -> Call:
        """By a requester: whom he lets hand his keys; the zero address: nobody."""
        return self.build("setDelegate", delegate)

    def hand(self, terms: JobTerms, held: Sequence[Seat], wrapped: Sequence[bytes]) -> Call:
        """By the requester or his delegate, until `wrap_time` after the last take. `wrapped`: one per entry of `held`;
        empty: that seat is left out."""
        return self.build("hand", terms.as_tuple(), seats_abi(held), list(wrapped))

    def miss(self, terms: JobTerms, held: Sequence[Seat], number: int) -> Call:
        """By anyone, after that: the worker of seat `number` was handed nothing."""
        return self.build("miss", terms.as_tuple(), seats_abi(held), number)


@dataclass(frozen=True)
class KeyHanded(Event):
    """`wrapped`: the job's key, sealed to the recipient that the worker has registered."""

    SOURCE = ("KeyBox", "KeyHanded")
    id: JobId
    worker: str
    wrapped: bytes


@dataclass(frozen=True)
class KeyMissed(Event):
    SOURCE = ("KeyBox", "KeyMissed")
    id: JobId
    worker: str
