"""GPU work between strangers: buy a run of a PyTorch function, pay only for a result that was checked.

Names load when they are first used (PEP 562): a job's code imports this package inside the sandbox, where `tg.job` and
`tg.report` must not drag a chain client in.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tensorgrid.client import Client
    from tensorgrid.decorators import JobFunction, job
    from tensorgrid.domain.errors import (
        AuditFailed,
        BlobMismatch,
        BlobNotFound,
        BlobTooLarge,
        ChainError,
        DevnetFailed,
        FunctionFailed,
        FunctionNotPortable,
        InsufficientFunds,
        ItemFailed,
        JobCancelled,
        JobFailed,
        JobNotTaken,
        JobRejected,
        JobUnknown,
        KeyMissing,
        KeyNotHanded,
        NoAgreement,
        NodeRefused,
        NodesDisagree,
        NotAuditable,
        NotAudited,
        NotContinuable,
        NotCovered,
        NotRepeatable,
        OfferUnusable,
        OpeningRejected,
        OrderUnusable,
        PartlyDone,
        RateLimited,
        ResultRejected,
        Reverted,
        RoundNotPublished,
        SandboxUnavailable,
        SpecInvalid,
        StateRejected,
        StillRunning,
        StorageError,
        TensorgridError,
        ToolMissing,
        TraceInvalid,
        TransactionLost,
        UnknownDeployment,
        UnknownToken,
        Unreachable,
        WorkersSilent,
        WrongChain,
    )
    from tensorgrid.domain.money import Amount, Token
    from tensorgrid.domain.offers import StandingOffer
    from tensorgrid.domain.orders import SignedOrder
    from tensorgrid.domain.specs import JobSpec
    from tensorgrid.domain.states import SavedState
    from tensorgrid.metrics import report
    from tensorgrid.ordering.batching import BatchEstimate
    from tensorgrid.ordering.terms import Estimate
    from tensorgrid.privacy import Identity
    from tensorgrid.runs.audit import AuditReport, AuditSeat, Partial
    from tensorgrid.runs.batch import Batch, BatchProgress, ItemFailure
    from tensorgrid.runs.outcome import Provenance, Result
    from tensorgrid.runs.run import Run
    from tensorgrid.runs.status import RunStatus, SeatStatus
    from tensorgrid.runs.trained import SnapshotMismatch
    from tensorgrid.training.fitting import fit, shuffled
    from tensorgrid.training.recording import checkpoint, resume
    from tensorgrid.training.state import State
    from tensorgrid.training.steps import batch_indices

__version__ = "0.1.0"

_ERRORS = "tensorgrid.domain.errors"
_HOME = {
    "Amount": "tensorgrid.domain.money",
    "AuditReport": "tensorgrid.runs.audit",
    "AuditSeat": "tensorgrid.runs.audit",
    "Batch": "tensorgrid.runs.batch",
    "BatchEstimate": "tensorgrid.ordering.batching",
    "BatchProgress": "tensorgrid.runs.batch",
    "Client": "tensorgrid.client",
    "Estimate": "tensorgrid.ordering.terms",
    "Identity": "tensorgrid.privacy",
    "ItemFailure": "tensorgrid.runs.batch",
    "JobFunction": "tensorgrid.decorators",
    "JobOptions": "tensorgrid.ordering.options",
    "JobSpec": "tensorgrid.domain.specs",
    "Partial": "tensorgrid.runs.audit",
    "Provenance": "tensorgrid.runs.outcome",
    "Result": "tensorgrid.runs.outcome",
    "Run": "tensorgrid.runs.run",
    "RunStatus": "tensorgrid.runs.status",
    "SavedState": "tensorgrid.domain.states",
    "SeatStatus": "tensorgrid.runs.status",
    "SignedOrder": "tensorgrid.domain.orders",
    "SnapshotMismatch": "tensorgrid.runs.trained",
    "StandingOffer": "tensorgrid.domain.offers",
    "State": "tensorgrid.training.state",
    "Token": "tensorgrid.domain.money",
    "batch_indices": "tensorgrid.training.steps",
    "checkpoint": "tensorgrid.training.recording",
    "fit": "tensorgrid.training.fitting",
    "job": "tensorgrid.decorators",
    "report": "tensorgrid.metrics",
    "resume": "tensorgrid.training.recording",
    "shuffled": "tensorgrid.training.fitting",
}

__all__ = [
    "Amount",
    "AuditFailed",
    "AuditReport",
    "AuditSeat",
    "Batch",
    "BatchEstimate",
    "BatchProgress",
    "BlobMismatch",
    "BlobNotFound",
    "BlobTooLarge",
    "ChainError",
    "Client",
    "DevnetFailed",
    "Estimate",
    "FunctionFailed",
    "FunctionNotPortable",
    "Identity",
    "InsufficientFunds",
    "ItemFailed",
    "ItemFailure",
    "JobCancelled",
    "JobFailed",
    "JobFunction",
    "JobNotTaken",
    "JobOptions",
    "JobRejected",
    "JobSpec",
    "JobUnknown",
    "KeyMissing",
    "KeyNotHanded",
    "NoAgreement",
    "NodeRefused",
    "NodesDisagree",
    "NotAuditable",
    "NotAudited",
    "NotContinuable",
    "NotCovered",
    "NotRepeatable",
    "OfferUnusable",
    "OpeningRejected",
    "OrderUnusable",
    "Partial",
    "PartlyDone",
    "Provenance",
    "RateLimited",
    "Result",
    "ResultRejected",
    "Reverted",
    "RoundNotPublished",
    "Run",
    "RunStatus",
    "SandboxUnavailable",
    "SavedState",
    "SeatStatus",
    "SignedOrder",
    "SnapshotMismatch",
    "SpecInvalid",
    "StandingOffer",
    "State",
    "StateRejected",
    "StillRunning",
    "StorageError",
    "TensorgridError",
    "Token",
    "ToolMissing",
    "TraceInvalid",
    "TransactionLost",
    "UnknownDeployment",
    "UnknownToken",
    "Unreachable",
    "WorkersSilent",
    "WrongChain",
    "batch_indices",
    "checkpoint",
    "fit",
    "job",
    "report",
    "resume",
    "shuffled",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'tensorgrid' has no attribute {name!r}")
    value = getattr(import_module(_HOME.get(name, _ERRORS)), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
