"""What opens a commitment, kept so that neither a lost journal nor a lost disk costs the stake behind it.

Three copies, each enough: the journal; a small file per job; and, in the replicate tier, the commit transaction itself,
which carries the opening under a pad that only the hot key can make. The salt needs no copy: the key derives it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import structlog
from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount

from tensorgrid.chain.calls import Call
from tensorgrid.domain.eip712 import Signature
from tensorgrid.domain.encoding import keccak256, parse_json
from tensorgrid.domain.errors import SpecInvalid
from tensorgrid.domain.jobs import ExitClass, JobId
from tensorgrid_worker.keys import sign_seal
from tensorgrid_worker.memory.rows import Result, TraceMark
from tensorgrid_worker.memory.whole import write_whole

log = structlog.get_logger()

PURPOSE = "tensorgrid opening v1"
MOST_BYTES = 64 * 1024
TRAILER_BYTES = 64


class Secrets:
    """32 bytes per job and seed that only the hot key can make, the same every time (RFC 6979 signatures).

    The signed message is a personal one (EIP-191) that names its purpose, so it can be neither a transaction nor any
    EIP-712 message of the protocol. Salt and pads are hashes: what a reveal shows tells nothing of the signature.
    """

    def __init__(self, account: LocalAccount, chain_id: int, board: str) -> None:
        self._account, self._where = account, f"{PURPOSE}\nchain {chain_id}\nboard {board}"
        self._chain_id, self._board = chain_id, board

    def seal(self, job: JobId, commitment: bytes) -> Signature:
        """By the hot key: for whoever, ourselves too, posts the commitment together with something else."""
        return sign_seal(self._account, job, commitment, chain_id=self._chain_id, board=self._board)

    def salt(self, job: JobId, seed: bytes) -> bytes:
        """Of every commitment to this job with this seed.

        It does not depend on the receipt. When a run is repeated before its first commitment was mined, two
        commitments with one salt exist: hashes of 32 bytes that nobody can guess, so neither opens, nor tells anything
        of, the other. Once one of them is opened, the other says at most that the same worker had the same root.
        """
        return keccak256(b"salt" + self._secret(job, seed))

    def pad(self, job: JobId, seed: bytes, commitment: bytes) -> bytes:
        """TRAILER_BYTES; another one for every commitment, so none is used twice."""
        secret = self._secret(job, seed)
        return b"".join(keccak256(bytes([part]) + secret + commitment) for part in range(TRAILER_BYTES // 32))

    def ballot(self, case: bytes, appeal: bool) -> bytes:
        """Salt of our vote in a case before the jury; another one in its appeal."""
        return keccak256(b"ballot" + self._secret(JobId(case), bytes([appeal]) * 32))

    def _secret(self, job: JobId, seed: bytes) -> bytes:
        signable = encode_defunct(text=f"{self._where}\njob {job.hex()}\nseed {seed.hex()}")
        signed = self._account.sign_message(signable)
        return keccak256(signed.r.to_bytes(32, "big") + signed.s.to_bytes(32, "big"))


def with_trailer(call: Call, secrets: Secrets, result: Result, commitment: bytes) -> Call:
    """The commit with its opening behind the arguments, where contracts do not look: about 1,000 gas."""
    hidden = _xor(result.root + result.receipt, secrets.pad(result.job, result.seed, commitment))
    return Call(call.to, call.data + hidden, call.name, call.value)


def from_trailer(data: bytes, secrets: Secrets, job: JobId, seed: bytes, commitment: bytes) -> Result | None:
    """What a commit's call data hides. The caller checks that it opens `commitment`: the bytes may be anything."""
    if len(data) < TRAILER_BYTES:
        return None
    plain = _xor(data[-TRAILER_BYTES:], secrets.pad(job, seed, commitment))
    root, receipt = plain[:32], plain[32:]
    # The exit class is in the receipt; a commitment is opened without it.
    return Result(job, seed, ExitClass.OK, secrets.salt(job, seed), root, keccak256(root), receipt)


class Openings:
    """One file per job that has a result, until the job has ended. Salts are not in it."""

    def __init__(self, folder: Path, secrets: Secrets) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder, self.secrets = folder, secrets

    def keep(self, result: Result) -> None:
        """On disk when it returns. Raises OSError."""
        known = {other.seed: other for other in self.of(result.job)}
        known.setdefault(result.seed, result)
        _write(self._path(result.job), [_plain(each) for each in known.values()])

    def of(self, job: JobId) -> list[Result]:
        """One per seed; nothing of a file that is missing or damaged, which is said."""
        path = self._path(job)
        try:
            found = parse_json(path.read_bytes()[:MOST_BYTES], path.name)
            return [self._result(job, values) for values in found]
        except FileNotFoundError:
            return []
        except (OSError, SpecInvalid, KeyError, TypeError, ValueError) as error:
            log.warning("opening.unreadable", file=path.name, reason=type(error).__name__)
            return []

    def all(self) -> Iterable[Result]:
        for path in sorted(self._folder.glob("*.json")):
            try:
                job = JobId(bytes.fromhex(path.stem))
            except ValueError:
                continue
            yield from self.of(job)

    def forget(self, job: JobId) -> None:
        """The job has ended."""
        self._path(job).unlink(missing_ok=True)

    def _path(self, job: JobId) -> Path:
        return self._folder / f"{job.hex()}.json"

    def _result(self, job: JobId, values: dict[str, Any]) -> Result:
        seed, root, receipt = (bytes.fromhex(values[name]) for name in ("seed", "root", "receipt"))
        if {len(seed), len(root), len(receipt)} != {32}:
            raise ValueError("not 32 bytes")
        exit_class = ExitClass(values["exit"])
        mark = _mark(values["mark"]) if "mark" in values else None
        return Result(job, seed, exit_class, self.secrets.salt(job, seed), root, keccak256(root), receipt, mark)


def _mark(values: list[Any]) -> TraceMark:
    result, trace = (bytes.fromhex(value) for value in values[:2])
    if {len(result), len(trace)} != {32}:
        raise ValueError("not 32 bytes")
    return TraceMark(result, trace, int(values[2]))


def _plain(result: Result) -> dict[str, Any]:
    mark = result.mark
    more = {} if mark is None else {"mark": [mark.result.hex(), mark.trace.hex(), mark.done]}
    return more | {
        "seed": result.seed.hex(),
        "exit": int(result.exit),
        "root": result.root.hex(),
        "receipt": result.receipt.hex(),
    }


def _write(path: Path, values: list[dict[str, Any]]) -> None:
    write_whole(path, json.dumps(values).encode())


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
