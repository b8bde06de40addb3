"""What the chain shows of a private case, beside what it shows of any: who was given what."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tensorgrid.chain.audit_history import Accused, Served
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.dispute_history import StatesServed
from tensorgrid.chain.history import Event, WorkerRegistered, WorkerUpdated
from tensorgrid.domain.jobs import ExitClass
from tensorgrid.domain.results import result_root
from tensorgrid_worker.auditing.judging import PrivateCase, Question
from tensorgrid_worker.memory.records import JobRecord

Logs = Callable[[str, str, list[str | None], int, str], list[Event]]


@dataclass
class PrivateReader:
    """`logs`: of one contract by address, name and topics, from block to block, in order. Raises what it raises.

    `look_back`, `windows`: so many blocks at once, so many times, are looked through for what lies before a job.
    """

    contracts: Contracts
    logs: Logs
    look_back: int
    windows: int
    _fixed: dict[bytes, PrivateCase | None] = field(default_factory=dict)

    def read(self, question: Question, record: JobRecord) -> PrivateCase | None:
        """None: no replay of ours could be fair to both."""
        if question.key not in self._fixed:
            self._fixed[question.key] = self._read(question, record)
        return self._fixed[question.key]

    def handed(self, question: Question) -> bytes:
        """sha256 of what the worker says he has given to the jurors, the last time; empty: nothing yet."""
        bisection = self.contracts.bisection
        assert bisection is not None, "asked only where there is one"
        topics = [None, "0x" + question.key.hex(), _topic(question.match.defender)]
        events = self.logs(bisection.address, "Bisection", topics, question.block, "latest")
        found = [event.manifest for event in events if isinstance(event, StatesServed)]
        return found[-1] if found else b""

    def forget(self, key: bytes) -> None:
        self._fixed.pop(key, None)

    def forget_all(self) -> None:
        self._fixed.clear()

    def _read(self, question: Question, record: JobRecord) -> PrivateCase | None:
        if is_about_the_key(question):
            return None
        audit = self.contracts.audit
        assert audit is not None, "asked only where there is one"
        events = self.logs(
            audit.address, "AuditVerifier", [None, "0x" + record.id.hex()], record.posted_block, "latest"
        )
        served = served_to(question.match.number, events)
        recipients = self._recipients(question.match.challenger, record.posted_block)
        return PrivateCase(served, recipients) if served else None

    def _recipients(self, worker: str, posted: int) -> tuple[bytes, ...]:
        """All keys that the worker has had registered since the job was posted: who changes his own afterwards cannot
        say that what was sealed to him was not. Empty where that cannot be told."""
        since = self._profiles(worker, posted, "latest")
        if not since:
            return (self.contracts.registry.profile_of(worker).recipient,)
        start, last = self.contracts.deployment.start_block, posted - 1
        for _ in range(self.windows):
            if last < start or isinstance(since[0], WorkerRegistered):
                break
            first = max(start, last - self.look_back)
            before = self._profiles(worker, first, hex(last))
            if before:
                since = [before[-1], *since]
                return tuple(event.profile.recipient for event in since)
            last = first - 1
        registered = isinstance(since[0], WorkerRegistered)
        return tuple(event.profile.recipient for event in since) if registered else ()

    def _profiles(self, worker: str, first: int, last: str) -> list[WorkerRegistered | WorkerUpdated]:
        registry = self.contracts.registry.address
        events = self.logs(registry, "WorkerRegistry", [None, _topic(worker)], first, last)
        return [event for event in events if isinstance(event, (WorkerRegistered, WorkerUpdated))]


def served_to(number: int, events: Iterable[Event]) -> bytes:
    """sha256 of what the sitting of the seat was served, when it accused first; empty: nothing was.

    Never another sitting's: a worker could have named the auditor there as well, and given him the keys there only.
    """
    last = b""
    for event in events:
        if isinstance(event, Served):
            last = event.manifest_digest
        elif isinstance(event, Accused) and event.number == number:
            break
    return last


def is_about_the_key(question: Question) -> bool:
    """Whether the worker says that the job failed at once, as one does whose key opens nothing: nobody but he can see
    what he was handed, so who accuses him may be right, and he too."""
    raised = result_root(question.match.id, ExitClass.RAISED)
    return question.segment == 1 and question.match.defended == raised


def _topic(address: str) -> str:
    return "0x" + address[2:].lower().rjust(64, "0")
