"""Other nodes that must tell the same story as ours, some blocks below the head, before anything new is paid for.

One node is one word: it may have been taken over, or follow a chain that the others have left. What is compared is one
hash, which stands for every block, event and balance below it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tensorgrid.chain.connection import BlockRef, Connection, redact
from tensorgrid.domain.errors import ChainError, NodesDisagree, WrongChain

DEVNETS = frozenset({31337, 1337})
FINALITY, DEVNET_FINALITY = 12, 2
TIMEOUT = 3.0
FIRST_REST, LONGEST_REST = 1.0, 60.0


def finality_of(chain_id: int, blocks: int = 0) -> int:
    """How far below the head nodes are compared: `blocks`, or where that is 0, 2 on a devnet and 12 elsewhere."""
    return blocks or (DEVNET_FINALITY if chain_id in DEVNETS else FINALITY)


@dataclass(slots=True)
class _Witness:
    """`rest`: seconds until it is asked again after it did not answer; `silent`: it has been said that it does not."""

    url: str
    connection: Connection | None = None
    rest: float = FIRST_REST
    ask_again: float = 0.0
    silent: bool = False


class Witnesses:
    """`check` once per new head, by one thread. No URLs: nothing is asked, and all is well.

    `say(event, sentence)`: told once when a witness falls silent, and when it is back.
    """

    def __init__(
        self,
        ours: Connection,
        urls: Sequence[str],
        *,
        finality: int,
        patience: float,
        say: Callable[[str, str], None] = lambda *_: None,
    ) -> None:
        self._ours, self._finality, self._patience, self._say = ours, finality, patience, say
        self._witnesses = [_Witness(url) for url in urls]
        self._agreed_at = time.monotonic()
        self._behind = False

    def close(self) -> None:
        for witness in self._witnesses:
            if witness.connection is not None:
                witness.connection.close()

    def check(self, head: BlockRef) -> None:
        """Compare the block `finality` below `head` with every witness that answers.

        A witness that is down or behind is said to be, once, and passed over. Raises NodesDisagree, also when none has
        answered for `patience` seconds; Unreachable when our own node does not.
        """
        if not self._witnesses:
            return
        ours = self._ours.block(max(head.number - self._finality, 0))
        if ours is None:
            return  # a reorganisation took the head back meanwhile: the next head is compared
        for witness in self._witnesses:
            theirs = self._ask(witness, ours.number)
            if theirs is not None and theirs.hash != ours.hash:
                self._insist(witness, ours.number)
            if theirs is not None:
                self._agreed_at = time.monotonic()
                self._compare_heads(witness, head)
        silent = time.monotonic() - self._agreed_at
        if silent > self._patience:
            raise NodesDisagree(
                f"no witness has answered for {silent:.0f} s; check witness_urls, or raise witness_patience_seconds"
            )

    def _compare_heads(self, witness: _Witness, head: BlockRef) -> None:
        """Our node may be honest and late. That stops nothing, but its owner should know: deadlines come unseen."""
        further = self._ask(witness, head.number + self._finality, may_lack=True)
        if (further is not None) is not self._behind:
            self._behind = further is not None
            node = f"{self._ours.shown_url} at block {head.number}"
            self._say("node.behind" if further else "node.caught_up", f"{node}; {redact(witness.url)} is the measure")

    def _insist(self, witness: _Witness, number: int) -> None:
        """A reorganisation may have come between the two questions: both are asked once more."""
        ours, theirs = self._ours.block(number), self._ask(witness, number)
        if ours is not None and theirs is not None and ours.hash != theirs.hash:
            raise NodesDisagree(
                f"block {number} is {ours.hash} at {self._ours.shown_url} and {theirs.hash} at {redact(witness.url)}; "
                "find out which node is wrong, and take it out"
            )

    def _ask(self, witness: _Witness, number: int, *, may_lack: bool = False) -> BlockRef | None:
        """None when it does not answer, or has not come so far yet."""
        now = time.monotonic()
        if now < witness.ask_again:
            return None
        try:
            if witness.connection is None:
                witness.connection = Connection(witness.url, chain_id=self._ours.chain_id, timeout=TIMEOUT)
            block = witness.connection.block(number)
        except WrongChain as error:
            raise NodesDisagree(str(error)) from error
        except ChainError as error:
            self._silent(witness, str(error))
            return None
        if block is None and may_lack:
            return None
        if block is None:
            self._silent(witness, f"{redact(witness.url)} has not come to block {number} yet")
            return None
        if witness.silent:
            self._say("witness.back", f"{redact(witness.url)} answers again")
        witness.silent, witness.rest = False, FIRST_REST
        return block

    def _silent(self, witness: _Witness, reason: str) -> None:
        witness.ask_again = time.monotonic() + witness.rest
        witness.rest = min(witness.rest * 2, LONGEST_REST)
        if not witness.silent:
            witness.silent = True
            self._say("witness.silent", reason)
