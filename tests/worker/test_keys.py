"""What the hot key signs for a relayer, recovered as the board would."""

from __future__ import annotations

from eth_account import Account
from tests.worker.jobs import JOB, SEALED

from tensorgrid.domain.eip712 import Signature
from tensorgrid.domain.jobs import seal_digest
from tensorgrid.domain.takes import take_digest
from tensorgrid_worker.keys import sign_seal, sign_take

WORKER = Account.from_key("0x" + "5a" * 32)
CHAIN, BOARD, OTHER = 31337, "0x" + "1" * 40, "0x" + "2" * 40


def signer(digest: bytes, signature: Signature) -> str:
    raw = signature.to_bytes()
    recovered: str = Account._recover_hash(digest, vrs=(raw[64], raw[:32], raw[32:64]))
    return recovered


def test_sign_take__recovers_to_the_worker__for_this_job_time_and_board_alone() -> None:
    take = sign_take(WORKER, JOB, 900, chain_id=CHAIN, board=BOARD)
    signature = take.signature
    assert take.as_tuple() == (900, signature.as_tuple())
    assert signer(take_digest(JOB, 900, CHAIN, BOARD), signature) == WORKER.address
    assert signer(take_digest(JOB, 901, CHAIN, BOARD), signature) != WORKER.address
    assert signer(take_digest(JOB, 900, CHAIN, OTHER), signature) != WORKER.address
    assert signer(take_digest(JOB, 900, CHAIN + 1, BOARD), signature) != WORKER.address


def test_sign_seal__recovers_to_the_worker__for_this_commitment_alone() -> None:
    signature = sign_seal(WORKER, JOB, SEALED, chain_id=CHAIN, board=BOARD)
    assert signer(seal_digest(JOB, SEALED, CHAIN, BOARD), signature) == WORKER.address
    assert signer(seal_digest(JOB, b"\x02" * 32, CHAIN, BOARD), signature) != WORKER.address


def test_signatures__short_form__low_s() -> None:
    """The board refuses the other half of the curve; the parity hides in the highest bit."""
    for number in range(20):
        signature = sign_seal(WORKER, JOB, bytes([number + 1]) * 32, chain_id=CHAIN, board=BOARD)
        assert len(signature.r) == len(signature.vs) == 32
        s = int.from_bytes(signature.vs, "big") & (1 << 255) - 1
        assert 0 < s <= 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
