"""A bought batch: its items' results as they come, in order or not, from however many jobs it takes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tensorgrid.domain.arrays import result_of
from tensorgrid.domain.batches import BatchSlice
from tensorgrid.domain.errors import (
    ChainError,
    InsufficientFunds,
    ItemFailed,
    NotContinuable,
    ResultRejected,
    SpecInvalid,
    StillRunning,
    ToolMissing,
    Unreachable,
)
from tensorgrid.domain.items import failure_of
from tensorgrid.domain.jobs import JobState, lane_and_sequence
from tensorgrid.domain.money import Amount
from tensorgrid.ordering.lanes import nonce_again
from tensorgrid.runs.access import Access
from tensorgrid.runs.batch_note import BatchNote
from tensorgrid.runs.run import POLL_SECONDS, Run
from tensorgrid.runs.slices import Outcome, Slice, options_again, rest_of_slice
from tensorgrid.runs.trail import postings
from tensorgrid.text import plain


@dataclass(frozen=True, slots=True)
class ItemFailure:
    """Stands in place of the output of item `index`. kind: the exception's type, as every worker that was asked found
    it, or why its whole slice has no result. reason: in words; a traceback is in the logs of its run."""

    index: int
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """How far a batch is. done, failed: items. ended: of `slices` that are posted now; again: slices posted again.
    paid: by now, to all who worked and checked, and the fees."""

    items: int
    done: int
    failed: int
    slices: int
    ended: int
    again: int
    paid: Amount | None

    def __str__(self) -> str:
        failed = f", {self.failed} failed" if self.failed else ""
        again = f", {self.again} posted again" if self.again else ""
        paid = f"; {self.paid} paid" if self.paid is not None else ""
        return f"{self.done} of {self.items} items{failed}; {self.ended} of {self.slices} slices ended{again}{paid}"


class Batch:
    """Iterate over it: each item's output, in order, as soon as it is there.

    With ordered=False it gives (index, output) as they come; with return_failures=True an ItemFailure stands in the
    place of an output, otherwise ItemFailed ends the iteration (go on by iterating again). A slice that nobody took,
    nobody delivered or whose worker was found cheating is posted again, `retries` times, with the money that came back.
    Safe to drop: `client.batch(name)` or `client.batch(ids)` finds it again from any process.
    """

    def __init__(
        self,
        client: Access,
        note: BatchNote,
        slices: Sequence[Slice],
        *,
        ordered: bool = True,
        return_failures: bool = False,
        retries: int = 2,
    ) -> None:
        """`slices`: in the order of posting; of two with the same item, the later one answers for it."""
        self._client, self._note, self._slices = client, note, list(slices)
        self._ordered, self._return_failures, self._retries = ordered, return_failures, retries
        self._found: dict[int, dict[str, Any] | ItemFailure] = {}
        unposted = set(range(note.count))
        for one in reversed(self._slices):
            one.own = unposted & set(one.batch.indices)
            one.done, unposted = not one.own, unposted - one.own
        self._lose(unposted, "JobUnknown", "it was never posted; map it again")

    def __repr__(self) -> str:
        return f"Batch({self.name!r}, {len(self)} items)"

    def __len__(self) -> int:
        return self._note.count

    @property
    def name(self) -> str:
        """What `client.batch` finds it by, on this machine."""
        return self._note.name

    @property
    def root(self) -> bytes:
        """Of all its items, 32 bytes."""
        return self._note.root

    @property
    def runs(self) -> tuple[Run, ...]:
        """One per slice, in the order of posting; those that were posted again stay."""
        return tuple(one.run for one in self._slices)

    @property
    def ids(self) -> tuple[str, ...]:
        """Of its jobs, as 0x + 64 hex digits."""
        return tuple(run.hex for run in self.runs)

    @property
    def failures(self) -> tuple[ItemFailure, ...]:
        """Those known by now, in order."""
        return tuple(found for _, found in sorted(self._found.items()) if isinstance(found, ItemFailure))

    def __iter__(self) -> Iterator[Any]:
        given: set[int] = set()
        while len(given) < len(self):
            ready = self._next_in_order(len(given)) if self._ordered else sorted(self._found.keys() - given)
            for index in ready:
                given.add(index)
                yield self._given(index) if self._ordered else (index, self._given(index))
            if not ready:
                self._look_or_sleep()

    def wait(self, timeout: float | None = None) -> BatchProgress:
        """Until every item has an output or a failure. Raises StillRunning after `timeout` local seconds, Unreachable,
        StorageError, KeyMissing."""
        give_up = None if timeout is None else time.monotonic() + timeout
        while len(self._found) < len(self):
            if give_up is not None and time.monotonic() > give_up:
                raise StillRunning(f"{self!r}: {self._progress()}; wait again, it goes on by itself")
            self._look_or_sleep()
        return self._progress()

    def results(self, timeout: float | None = None) -> list[Any]:
        """All, in order: wait, then as by iterating. Raises ItemFailed unless return_failures, and as `wait`."""
        self.wait(timeout)
        return [self._given(index) for index in range(len(self))]

    def progress(self) -> BatchProgress:
        """One look, without waiting. Raises as `wait`."""
        self._look()
        return self._progress()

    def _next_in_order(self, start: int) -> list[int]:
        return [start] if start in self._found else []

    def _given(self, index: int) -> Any:
        found = self._found[index]
        if self._return_failures or not isinstance(found, ItemFailure):
            return found
        raise ItemFailed(
            f"item {index} of {self!r}: {found.reason}; pass return_failures=True to go on with the others",
            index=index,
            kind=found.kind,
        )

    def _look_or_sleep(self) -> None:
        before = len(self._found)
        self._look()
        if len(self._found) == before:
            time.sleep(POLL_SECONDS)

    def _look(self) -> None:
        for one in [one for one in self._slices if not one.done]:
            if one.run.look().state.ended:
                self._take(one, one.outcome())

    def _take(self, one: Slice, outcome: Outcome) -> None:
        left = set(one.own)
        for index in sorted(one.own & outcome.outputs.keys()):
            self._found[index] = self._read(index, outcome.outputs[index])
            left.discard(index)
        again = set() if outcome.again is None else {index for index in left if index >= outcome.again}
        if again and one.tries < self._retries:
            if not self._post_again(one, again):
                return
            left -= again
        why = outcome.why
        self._lose(left, type(why).__name__, str(why) if why is not None else "its worker left it out")
        one.done = True

    def _read(self, index: int, data: bytes) -> dict[str, Any] | ItemFailure:
        """Bytes of a worker's: whatever they are, the other items go on."""
        try:
            kind = failure_of(data)
            return result_of(data) if kind is None else ItemFailure(index, kind, f"the function raised {plain(kind)}")
        except (ResultRejected, ToolMissing) as error:
            return ItemFailure(index, type(error).__name__, plain(error))

    def _post_again(self, one: Slice, left: set[int]) -> bool:
        """`left`: the end of a slice, from where its money is back. False: to be looked at again, since it is posted
        and the node does not show it yet. Raises Unreachable, StorageError."""
        try:
            run = self._again(one.run, min(left))
        except Unreachable:
            raise
        except (SpecInvalid, InsufficientFunds, NotContinuable, ChainError) as error:
            self._lose(left, type(error).__name__, f"it could not be posted again: {plain(error)}")
            return True
        if run is None:
            return False
        batch = run.spec.batch
        assert batch is not None, "a slice's lane for another try holds a slice"
        self._note.add([run.id])
        one.own -= left
        self._slices.append(Slice(run, batch, one.tries + 1, own=left))
        return True

    def _again(self, ended: Run, first: int) -> Run | None:
        """None: it is posted, and not to be seen yet."""
        if not self._is_again(ended):
            try:
                return self._submit_again(ended, first)
            except (InsufficientFunds, ChainError):
                # Another process that looks at this batch may have posted it meanwhile, with the money that came back.
                if not self._is_again(ended):
                    raise
        return self._posted_again(ended)

    def _submit_again(self, ended: Run, first: int) -> Run:
        """The items from `first` on, for the money that came back."""
        story = ended.story()
        if self._client.sender.address != story.terms.requester:
            raise SpecInvalid(f"only its requester posts it again: look at the batch as {story.terms.requester}")
        back = Amount(story.returned, self._client.token(story.terms.pay_token))
        packed = rest_of_slice(ended.spec, first, self._client.store)
        options = options_again(packed.spec, story.terms, back)
        run: Run = self._client.submit(packed, nonce=nonce_again(ended.id), **options)
        return run

    def _is_again(self, ended: Run) -> bool:
        """Posted by a process that died before it noted that, or by another one that looks at this batch."""
        lane, _ = lane_and_sequence(nonce_again(ended.id))
        state = self._client.contracts.board.lane(ended.story().terms.requester, lane).state
        return state is not JobState.NONE

    def _posted_again(self, ended: Run) -> Run | None:
        story, nonce = ended.story(), nonce_again(ended.id)
        for event in postings(self._client.connection, self._client.contracts, story.posted_block):
            if (event.terms.requester, event.terms.nonce) == (story.terms.requester, nonce):
                return Run(self._client, event.id, event.log.block)
        return None

    def _lose(self, indices: set[int], kind: str, reason: str) -> None:
        self._found |= {index: ItemFailure(index, kind, reason) for index in indices}

    def _progress(self) -> BatchProgress:
        failed = len(self.failures)
        current = [one for one in self._slices if one.own]
        stories = [one.run.story() for one in self._slices]
        token = self._client.token(stories[0].terms.pay_token) if stories else None
        return BatchProgress(
            items=len(self),
            done=len(self._found) - failed,
            failed=failed,
            slices=len(current),
            ended=sum(one.done for one in current),
            again=sum(one.tries > 0 for one in self._slices),
            paid=None if token is None else Amount(sum(story.paid + story.fee for story in stories), token),
        )


def slices_of(runs: Sequence[Run]) -> list[Slice]:
    """Of jobs in the order of posting. Raises SpecInvalid for one that is no slice, JobUnknown, StorageError."""
    found: list[Slice] = []
    for run in runs:
        batch = run.spec.batch
        if batch is None:
            raise SpecInvalid(f"{run!r} is no slice of a batch; give the ids that Batch.ids has")
        found.append(Slice(run, batch, sum(_meet(one.batch, batch) for one in found)))
    if len({(one.batch.root, one.batch.count) for one in found}) > 1:
        raise SpecInvalid("these jobs are of several batches; give the ids of one")
    return found


def _meet(one: BatchSlice, other: BatchSlice) -> bool:
    return one.first < other.first + other.items and other.first < one.first + one.items
