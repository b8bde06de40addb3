"""What the function returned, as bytes that prove it: fetch, check, open.

Nothing a worker says is believed: the receipt must have the digest in its commitment, and the opened payload must hash
to the root that the agreeing workers revealed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tensorgrid.domain.arrays import Kind, kind_of, result_of
from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.errors import BlobTooLarge, ResultRejected
from tensorgrid.domain.jobs import ExitClass, JobId
from tensorgrid.domain.money import Amount
from tensorgrid.domain.payload import payload_root
from tensorgrid.domain.receipts import MAX_LOG_BYTES, MAX_RECEIPT_BYTES, Environment, Receipt
from tensorgrid.domain.results import result_root
from tensorgrid.privacy import Identity, open_sealed, sealed_size_limit
from tensorgrid.storage.base import BlobStore
from tensorgrid.storage.cid import Cid
from tensorgrid.text import plain, plain_lines


@dataclass(frozen=True, slots=True)
class Claim:
    """One worker's answer, as the chain recorded it. `root_hash` is None where nothing is revealed (accept tier)."""

    worker: str
    root_hash: bytes | None
    receipt_digest: bytes
    pay: Amount


@dataclass(frozen=True, slots=True)
class Provenance:
    """Who made the bytes in a Result, what they cost, and where to look it up.

    agreed_by: the paid workers, whose results hash to the same root; the auditors who found parts of it right; nobody
    in the accept tier, which checks nothing.
    root: 32 bytes, recomputed here from the opened payload. paid: to this worker; cost: to all workers, the fee, and
    what a relayer got; both are zero before the job has ended. transactions: all of the job's, in order.
    """

    job: JobId
    worker: str
    agreed_by: tuple[str, ...]
    paid: Amount
    cost: Amount
    root: bytes
    sealed_cid: Cid
    environment: Environment
    transactions: tuple[str, ...]


class Result(dict[str, Any]):
    """What the function returned, by name: tensors on the CPU and JSON values; `provenance` says where it is from.

    Tensors are torch's where torch is installed, else numpy arrays; `as_numpy()` and `as_torch()` choose. `payload` is
    the opened safetensors file itself.
    """

    def __init__(self, payload: bytes, provenance: Provenance, kind: Kind | None = None) -> None:
        """Raises ResultRejected when the payload is no result file, ToolMissing when `kind` is not installed."""
        super().__init__(result_of(payload, kind))
        self.payload = payload
        self.provenance = provenance

    def as_numpy(self) -> Result:
        """The same with numpy arrays. Raises ToolMissing for a dtype that numpy lacks."""
        return Result(self.payload, self.provenance, "numpy")

    def as_torch(self) -> Result:
        """The same with torch tensors. Raises ToolMissing where torch is not installed."""
        return Result(self.payload, self.provenance, "torch")

    def __repr__(self) -> str:
        return f"Result({', '.join(f'{plain(name, 64)}={_shown(value)}' for name, value in self.items())})"


@dataclass(frozen=True, slots=True)
class Opened:
    """A claim whose bytes are there and are right. `payload` is None unless the function ended well."""

    exit_class: ExitClass
    root: bytes
    payload: bytes | None
    receipt: Receipt


def open_claim(
    claim: Claim,
    *,
    job: JobId,
    store: BlobStore,
    identity: Identity,
    output_bytes: int,
    roots: bytes | None = None,
) -> Opened:
    """Fetch the worker's receipt and result and hold them against the chain. `roots`: key of a private job's roots.

    Raises ResultRejected, StorageError.
    """
    receipt = read_receipt(claim, job=job, store=store)
    exit_class = receipt.exit
    if exit_class is not ExitClass.OK:
        root = result_root(job, exit_class)
        payload = None
    else:
        if receipt.sealed is None:
            raise ResultRejected(f"{claim.worker} revealed a result and names no file for it; another worker's may do")
        limit = sealed_size_limit(output_bytes)
        if receipt.sealed.bytes > limit:
            raise BlobTooLarge(
                f"{claim.worker} names a result of {receipt.sealed.bytes} bytes, the job allowed {limit}"
            )
        payload = open_sealed(store.get(receipt.sealed.cid, max_bytes=limit), identity)
        root = result_root(job, ExitClass.OK, payload_root(payload, roots))
    if claim.root_hash is not None and keccak256(root) != claim.root_hash:
        raise ResultRejected(f"what {claim.worker} stored does not hash to the root on chain; keep it as evidence")
    return Opened(exit_class, root, payload, receipt)


def read_receipt(claim: Claim, *, job: JobId, store: BlobStore) -> Receipt:
    """Raises ResultRejected when it is not this worker's for this job, StorageError when it cannot be had."""
    receipt = Receipt.from_bytes(store.get(Cid.of_digest(claim.receipt_digest), max_bytes=MAX_RECEIPT_BYTES))
    if receipt.job != job or receipt.worker != claim.worker.lower():
        raise ResultRejected(f"the receipt of {claim.worker} is for another job or worker")
    return receipt


def read_log(receipt: Receipt, *, store: BlobStore, identity: Identity) -> str:
    """The run's output and traceback, safe to print; empty when there is none. Raises ResultRejected, StorageError."""
    if receipt.log is None:
        return ""
    data = open_sealed(store.get(receipt.log.cid, max_bytes=sealed_size_limit(MAX_LOG_BYTES)), identity)
    return plain_lines(data.decode(errors="replace"))


def _shown(value: Any) -> str:
    if kind_of(value) is None:
        return plain(repr(value), 80)
    return f"<{str(value.dtype).removeprefix('torch.')} {list(value.shape)}>"
