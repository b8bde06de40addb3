"""What a juror of a private case goes by: the job's keys from its worker, and whether the accuser was given them.

INVARIANT: whatever is missing or wrong counts against the worker, whose duty it was. So he gains nothing by keeping
something back, or by giving it to some jurors only, and a juror always has an answer.
"""

from __future__ import annotations

from tensorgrid.domain.cids import Cid
from tensorgrid.domain.errors import OpeningRejected, ResultRejected, SpecInvalid, StorageError
from tensorgrid.domain.jobkeys import MAX_WRAPPED_BYTES, JobKeys
from tensorgrid.domain.jurykeys import MAX_JURY_KEYS_BYTES, JuryKeys
from tensorgrid.domain.openings import MAX_OPENING_BYTES, OpenedSeat, Opening
from tensorgrid.domain.recipients import recipient_text
from tensorgrid.privacy import Identity, open_sealed
from tensorgrid.provable import seal_provably
from tensorgrid.storage.base import BlobStore
from tensorgrid_worker.auditing.judging import CasePicture

MALFORMED = (OpeningRejected, ResultRejected, SpecInvalid)


class Entrusted:
    """`me`: the juror, whose registered recipient `identity` opens; None: he has none, and takes no such seat."""

    def __init__(self, store: BlobStore, me: str, identity: Identity | None) -> None:
        self._store, self._me, self._identity = store, me.lower(), identity

    @property
    def can_open(self) -> bool:
        return self._identity is not None

    def keys(self, case: CasePicture, check: bytes, *, patient: bool) -> JobKeys | None:
        """The job's, which fit the `check` of its spec. None: the worker has given us none.

        Raises StorageError while `patient`.
        """
        handed = None if case.private is None else case.private.handed
        data = self._blob(handed, MAX_JURY_KEYS_BYTES, patient) if handed else None
        if data is None or self._identity is None:
            return None
        try:
            document = JuryKeys.from_bytes(data)
            wrapped = document.wrapped.get(self._me)
            if document.case != case.question.key or wrapped is None:
                return None
            keys = JobKeys.from_bytes(open_sealed(wrapped, self._identity, max_bytes=MAX_WRAPPED_BYTES))
        except MALFORMED:
            return None
        return keys if keys.check == check else None

    def was_served(self, case: CasePicture, keys: JobKeys, *, patient: bool) -> bool:
        """Whether the accuser was opened these keys: without them he could only find that the job has failed, and who
        keeps them from him must not win by it. Raises StorageError while `patient`."""
        if case.private is None or not case.private.recipients:
            return True
        challenger = case.question.match.challenger.lower()
        seat = self._seat(case, case.private.served, challenger, patient)
        return seat is not None and any(seat.keys == _sealed(keys, one) for one in case.private.recipients)

    def _seat(self, case: CasePicture, digest: bytes, worker: str, patient: bool) -> OpenedSeat | None:
        data = self._blob(digest, MAX_OPENING_BYTES, patient)
        try:
            opening = None if data is None else Opening.from_bytes(data)
        except MALFORMED:
            return None
        if opening is None or opening.job != case.audit.id:
            return None
        return next((seat for seat in opening.seats if seat.worker == worker), None)

    def _blob(self, digest: bytes, most: int, patient: bool) -> bytes | None:
        try:
            return self._store.get(Cid.of_digest(digest), max_bytes=most)
        except StorageError:
            if patient:
                raise
            return None


def _sealed(keys: JobKeys, recipient: bytes) -> bytes | None:
    try:
        return seal_provably(keys.to_bytes(), recipient_text(recipient))
    except SpecInvalid:
        return None  # as his seat says where nothing can be sealed to him: his own fault
