"""Hands the key of a private job to whoever took it: by the requester, or a delegate who can read the sealed key."""

from __future__ import annotations

from tensorgrid.chain.calls import Call
from tensorgrid.chain.contracts import Contracts
from tensorgrid.domain.errors import KeyMissing, ResultRejected, SpecInvalid
from tensorgrid.domain.jobkeys import JobKeys
from tensorgrid.domain.jobs import JobState
from tensorgrid.domain.specs import JobSpec
from tensorgrid.privacy import Identity, open_job_key, recipient_text, seal
from tensorgrid.runs.story import Story


def job_keys(spec: JobSpec, identity: Identity) -> JobKeys | None:
    """None of a public job. Raises KeyMissing where `identity` is none of its recipients."""
    return None if spec.private is None else JobKeys.of(_job_key(spec, identity))


def owes_key(story: Story, now: int) -> bool:
    """Whether a worker waits for it, and it would still count. `now`: chain time."""
    waiting = story.state is JobState.ASSIGNED and story.hand_by is not None and now <= story.hand_by
    return waiting and any(seat.worker not in story.handed for seat in story.first_seats)


def hand_call(contracts: Contracts, story: Story, spec: JobSpec, identity: Identity) -> Call:
    """The job's key, sealed to the recipient that each worker has registered.

    Raises KeyMissing, SpecInvalid (a public job), Unreachable.
    """
    if contracts.key_box is None or spec.private is None:
        raise SpecInvalid("this job is public: there is no key to hand")
    key, wrapped = _job_key(spec, identity), []
    for seat in story.first_seats:
        if seat.worker in story.handed:
            wrapped.append(b"")
            continue
        try:
            recipient = recipient_text(contracts.registry.profile_of(seat.worker).recipient)
            wrapped.append(seal(key, [recipient]))
        except SpecInvalid:
            # INVARIANT: something is handed, or a worker with a useless recipient would be paid for nothing.
            wrapped.append(b"no recipient")
    held = story.held[: len(wrapped)]
    return contracts.key_box.hand(story.terms, held, wrapped)


def _job_key(spec: JobSpec, identity: Identity) -> bytes:
    assert spec.private is not None
    try:
        return open_job_key(spec.private.key, identity)
    except ResultRejected as error:
        raise KeyMissing(
            f"the job's key is not sealed to {identity.recipient} ({error}); use the identity that submitted it"
        ) from error
