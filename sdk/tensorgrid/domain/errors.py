"""Every error a user can meet, as one tree.

TensorgridError
    SpecInvalid               a job specification that nobody should sign or run
        FunctionNotPortable   a function that cannot travel as source
        NotRepeatable         a function whose runs differ, or would: nobody could check it by running it again
        NotAuditable          a job that this network cannot audit, or not at a sensible price
        NotCovered            a job for two workers of whom no two have a past that is worth it
    OrderUnusable             a signed order that this network's board would not post
    OfferUnusable             a worker's offer that this job cannot be matched with
    InsufficientFunds         balance below what the job would lock
    UnknownToken              no such payment token on this network
    UnknownDeployment         no tensorgrid contracts known for this network
    KeyMissing                no key, or one that does not open
    ToolMissing               a program that must be installed first
    DevnetFailed              the network on this machine did not start, or runs already
    StorageError
        BlobNotFound          no store has these bytes
        BlobMismatch          bytes that are not those of their CID
        BlobTooLarge          more bytes than allowed
    ChainError
        Unreachable           the node does not answer
            RateLimited       it answers others first; `.retry_after` is how many seconds it asks for, 0 if it does not
        WrongChain            the node is of another chain
        NodesDisagree         two nodes tell of two chains; nothing new is paid for until they agree
        NodeRefused           the node does not do this request; `.code` is its JSON-RPC code
        RoundNotPublished     none of drand's relays has the round; `.number`
        TransactionLost       sent, and not mined in time
        Reverted              refused by a contract; `.name` and `.args_by_name` carry its evidence. Each custom error
                              is a class of its own in tensorgrid.domain.refusals
    NotContinuable            no state to go on from, or none that may be trusted
    JobUnknown                no job of this id was ever posted here
    JobFailed                 the job ended without a result
        FunctionFailed        agreed by the workers: the function raised or reached a limit; `.log` tells
        JobNotTaken           nobody took it; the money is back
        JobCancelled
        WorkersSilent         those who took it never delivered; the money is back
        JobRejected           the requester rejected it and a jury agreed; the money is back
        NoAgreement           workers disagreed; nobody's result can be trusted
        AuditFailed           the audit has shown that the worker did not do the work; the money is back
        NotAudited            it ended without a clean audit; what the worker did is not shown to be right
        KeyNotHanded          a private job's key was not handed in time; its worker keeps the share that the terms name
        PartlyDone            the worker ended before the last segment and was paid for that; `.done`, `.segments`
        ItemFailed            one item of a batch has no output; `.index` and `.kind` say which and why
    StillRunning              asked with a timeout, and the job has not ended yet
    ResultRejected            bytes that do not open, or do not hash to what the chain says
    TraceInvalid              a trace with gaps, out of order, too long, or whose links do not follow one another
    OpeningRejected           what a worker opened for an audit is malformed, or not what his trace root says
        StateRejected         a training state that does not load, is too large, or is another than was committed to
    SandboxUnavailable        the worker has no sandbox and was not told to go without

Messages end with what to do next.
"""

from __future__ import annotations

from typing import Any


class TensorgridError(Exception):
    """Base of all errors that tensorgrid raises on purpose."""


class SpecInvalid(TensorgridError):
    """A job specification that nobody should sign or run."""


class FunctionNotPortable(SpecInvalid):
    """A function that cannot travel as source."""


class NotRepeatable(SpecInvalid):
    """A function whose runs differ, or would: nobody could check it by running it again."""


class NotAuditable(SpecInvalid):
    """A job that this network cannot audit, or not at a sensible price."""


class NotCovered(SpecInvalid):
    """A job for two workers of whom no two have a past that is worth it."""


class OrderUnusable(TensorgridError):
    """A signed order that this network's board would not post."""


class OfferUnusable(TensorgridError):
    """A worker's offer that this job cannot be matched with."""


class InsufficientFunds(TensorgridError):
    """Balance below what the job would lock."""


class UnknownToken(TensorgridError):
    """No such payment token on this network."""


class UnknownDeployment(TensorgridError):
    """No tensorgrid contracts known for this network."""


class KeyMissing(TensorgridError):
    """No key, or one that does not open."""


class ToolMissing(TensorgridError):
    """A program that must be installed first."""


class DevnetFailed(TensorgridError):
    """The network on this machine did not start, or runs already."""


class StorageError(TensorgridError):
    """A blob could not be stored or had."""


class BlobNotFound(StorageError):
    """No store has these bytes."""


class BlobMismatch(StorageError):
    """Bytes that are not those of their CID."""


class BlobTooLarge(StorageError):
    """More bytes than allowed."""


class ChainError(TensorgridError):
    """The chain did not do what was asked."""


class Unreachable(ChainError):
    """The node does not answer."""


class RateLimited(Unreachable):
    """The node has had enough of us for now."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NodesDisagree(ChainError):
    """Two nodes tell of two chains."""


class WrongChain(ChainError):
    """The node is of another chain."""


class NodeRefused(ChainError):
    """The node does not do this request."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class RoundNotPublished(ChainError):
    """None of drand's relays has the round."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.number = number


class TransactionLost(ChainError):
    """Sent, and not mined in time."""


class Reverted(ChainError):
    """Refused by a contract. Each custom error has a class of its own in tensorgrid.domain.refusals."""

    def __init__(self, name: str, args_by_name: dict[str, Any] | None = None, hint: str = "") -> None:
        self.name = name
        self.args_by_name = dict(args_by_name or {})
        values = ", ".join(f"{key}={_short(value)}" for key, value in self.args_by_name.items())
        super().__init__(f"{name}({values})" + (f": {hint}" if hint else ""))


class JobUnknown(TensorgridError):
    """No job of this id was ever posted here."""


class JobFailed(TensorgridError):
    """The job ended without a result."""


class FunctionFailed(JobFailed):
    """Agreed by the workers: the function raised or reached a limit."""

    def __init__(self, message: str, *, exit_class: str, log: str = "") -> None:
        super().__init__(message)
        self.exit_class = exit_class
        self.log = log


class JobNotTaken(JobFailed):
    """Nobody took it; the money is back."""


class JobCancelled(JobFailed):
    """The requester took it back."""


class WorkersSilent(JobFailed):
    """Those who took it never delivered; the money is back."""


class JobRejected(JobFailed):
    """The requester rejected it and a jury agreed; the money is back."""


class NoAgreement(JobFailed):
    """Workers disagreed; nobody's result can be trusted."""


class AuditFailed(JobFailed):
    """The audit has shown that the worker did not do the work; the money is back."""


class NotContinuable(TensorgridError):
    """There is no state to go on from, or none that may be trusted. Says what to do instead."""


class NotAudited(JobFailed):
    """It ended without a clean audit; what the worker did is not shown to be right."""


class KeyNotHanded(JobFailed):
    """A private job's key was not handed in time; its worker keeps the share that the terms name."""


class PartlyDone(JobFailed):
    """The worker ended before the last segment and was paid for what he did, `done` of `segments`."""

    def __init__(self, message: str, *, done: int, segments: int) -> None:
        super().__init__(message)
        self.done = done
        self.segments = segments


class ItemFailed(JobFailed):
    """An item of a batch has no output. `kind`: the exception's type, or why its slice has none."""

    def __init__(self, message: str, *, index: int, kind: str) -> None:
        super().__init__(message)
        self.index = index
        self.kind = kind


class StillRunning(TensorgridError):
    """Asked with a timeout, and the job has not ended yet."""


class ResultRejected(TensorgridError):
    """Bytes that do not open, or do not hash to what the chain says."""


class TraceInvalid(TensorgridError):
    """A trace with gaps, out of order, too long, or whose links do not follow one another."""


class OpeningRejected(TensorgridError):
    """What a worker opened for an audit is malformed, or not what his trace root says."""


class StateRejected(OpeningRejected):
    """A training state that does not load, is too large, or is another than was committed to."""


class SandboxUnavailable(TensorgridError):
    """The worker has no sandbox and was not told to go without."""


def _short(value: Any) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
