"""What a worker has opened to us as an auditor: fetched by its digest, bounded, opened with our own key."""

from __future__ import annotations

from tensorgrid.domain.audits import ShownResult
from tensorgrid.domain.cids import Cid
from tensorgrid.domain.errors import OpeningRejected, ResultRejected, StateRejected
from tensorgrid.domain.jobkeys import NO_KEYS, JobKeys
from tensorgrid.domain.openings import (
    MAX_OPENING_BYTES,
    MAX_RESULT_BYTES,
    OpenedSeat,
    OpenedSegment,
    Opening,
    result_from_bytes,
)
from tensorgrid.domain.receipts import SealedRef
from tensorgrid.privacy import Identity, open_sealed, sealed_size_limit
from tensorgrid_worker.auditing.picture import AuditPicture
from tensorgrid_worker.auditing.tools import Tools


class Opened:
    """`identity`: opens what is sealed to this worker's registered recipient; None: he has none."""

    def __init__(self, tools: Tools, identity: Identity | None) -> None:
        self._tools, self._identity = tools, identity

    def seat(self, audit: AuditPicture) -> OpenedSeat:
        """Ours. Raises OpeningRejected for what is malformed, or of another sitting or job, StorageError."""
        me = audit.held[audit.number - 1].worker.lower()
        data = self._tools.store.get(Cid.of_digest(audit.manifest), max_bytes=MAX_OPENING_BYTES)
        opening = Opening.from_bytes(data)
        if (opening.job, opening.sitting) != (audit.id, audit.audit.sitting):
            raise OpeningRejected("what was opened is of another sitting; accuse its worker")
        for seat in opening.seats:
            if seat.worker == me:
                return seat
        raise OpeningRejected("nothing was opened for this seat; accuse the worker")

    def keys(self, seat: OpenedSeat | None) -> JobKeys:
        """Of a private job. NO_KEYS where none that can be used were opened: then the job has failed, as we see it.

        `seat`: None where what was fetched is none. Raises StateRejected without an identity: that says nothing of the
        worker.
        """
        identity = self._key()
        if seat is None or seat.keys is None:
            return NO_KEYS
        try:
            return JobKeys.from_bytes(open_sealed(seat.keys, identity, max_bytes=MAX_RESULT_BYTES))
        except (OpeningRejected, ResultRejected):
            return NO_KEYS

    def state(self, audit: AuditPicture, segment: OpenedSegment) -> bytes:
        """The start state's file, not yet checked. Raises StateRejected, ResultRejected, StorageError."""
        assert segment.state is not None, "of every segment but the first"
        return self.file(audit, segment.state)

    def file(self, audit: AuditPicture, ref: SealedRef) -> bytes:
        """A state's file that is sealed to us, not yet checked. Raises as `state`."""
        spec = self._tools.inputs.spec(audit.id, audit.terms)
        keep_bytes = spec.checkpoint.keep_bytes if spec is not None and spec.checkpoint is not None else 0
        size, most = ref.bytes, sealed_size_limit(keep_bytes)
        if size > most:
            raise StateRejected(f"a state of {size} bytes was opened, none has more than {most}; replay without it")
        return open_sealed(self._tools.store.get(ref.cid, max_bytes=size), self._key())

    def result(self, seat: OpenedSeat | None) -> ShownResult:
        """What proves the result. Raises OpeningRejected, ResultRejected."""
        if seat is None or seat.result is None:
            raise OpeningRejected("nothing proves that the result is the last state's model; accuse the worker")
        return result_from_bytes(open_sealed(seat.result, self._key(), max_bytes=MAX_RESULT_BYTES))

    def _key(self) -> Identity:
        if self._identity is None:
            raise StateRejected("this worker has no identity.age to open states with; replay without it")
        return self._identity
