"""What opens a commitment survives the journal: derived salts, files, and what the transaction itself carries."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from eth_account import Account
from tests.worker.jobs import JOB, ME, SEED, make_result

from tensorgrid.chain.calls import Call
from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.jobs import JobId
from tensorgrid_worker.loop.openings import TRAILER_BYTES, Openings, Secrets, from_trailer, with_trailer
from tensorgrid_worker.memory.rows import Result

KEY, BOARD, CHAIN = b"\x11" * 32, "0x" + "b" * 40, 31337
SECRETS = Secrets(Account.from_key(KEY), CHAIN, BOARD)
COMMIT = Call(BOARD, b"\x01\x02\x03\x04" + bytes(96), "JobBoard.commit")


def result(**changes: object) -> Result:
    """As a run leaves it: salt and root hash fit the rest."""
    root = b"\x0b" * 32
    made = replace(make_result(), salt=SECRETS.salt(JOB, SEED), root=root, root_hash=keccak256(root))
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.fixture
def openings(tmp_path: Path) -> Openings:
    return Openings(tmp_path / "openings", SECRETS)


def test_salt__same_key_job_and_seed__same_salt_in_every_process() -> None:
    again = Secrets(Account.from_key(KEY), CHAIN, BOARD)
    assert SECRETS.salt(JOB, SEED) == again.salt(JOB, SEED)
    # Fixed for ever: what an older release has committed to, a newer one must open.
    assert SECRETS.salt(JOB, SEED).hex() == "e213136148bae54ff71ecc07fbe98cb4efae669ef4659c3bcd17378a4b244c42"


@pytest.mark.parametrize(
    "other",
    [
        Secrets(Account.from_key(b"\x12" * 32), CHAIN, BOARD).salt(JOB, SEED),
        Secrets(Account.from_key(KEY), 1, BOARD).salt(JOB, SEED),
        Secrets(Account.from_key(KEY), CHAIN, "0x" + "c" * 40).salt(JOB, SEED),
        SECRETS.salt(JobId(b"\x31" * 32), SEED),
        SECRETS.salt(JOB, b"\x06" * 32),
    ],
    ids=["key", "chain", "board", "job", "seed"],
)
def test_salt__anything_else__another_salt(other: bytes) -> None:
    assert other != SECRETS.salt(JOB, SEED)


@pytest.mark.parametrize("extra", [False, True])
def test_trailer__key_alone__opens_the_commitment(extra: bool) -> None:
    ours = result()
    commitment = ours.commitment(ME, extra=extra)
    sent = with_trailer(COMMIT, SECRETS, ours, commitment)
    assert sent.data[:-TRAILER_BYTES] == COMMIT.data
    found = from_trailer(sent.data, SECRETS, JOB, SEED, commitment)
    assert found is not None and found.commitment(ME, extra=extra) == commitment
    assert (found.root, found.root_hash, found.receipt) == (ours.root, ours.root_hash, ours.receipt)


def test_trailer__shows_nothing__nor_do_two_of_one_job_together() -> None:
    """A repeated run has another receipt: equal pads would show the difference of the two."""
    first, second = result(), result(receipt=b"\x0e" * 32)
    hidden = [
        with_trailer(COMMIT, SECRETS, each, each.commitment(ME)).data[-TRAILER_BYTES:] for each in (first, second)
    ]
    assert first.root not in hidden[0] and first.receipt not in hidden[0]
    assert hidden[0][:32] != hidden[1][:32], "the roots are equal, and that must not show"


@pytest.mark.parametrize("data", [b"", b"\x01\x02\x03\x04", bytes(63), bytes(range(200))])
def test_trailer__anything_else__does_not_open(data: bytes) -> None:
    commitment = result().commitment(ME)
    found = from_trailer(data, SECRETS, JOB, SEED, commitment)
    assert found is None or found.commitment(ME) != commitment


def test_keep__all_of_it_is_there_for_the_next_process__salt_on_no_disk(openings: Openings, tmp_path: Path) -> None:
    ours, other = result(), result(seed=b"\x06" * 32, salt=SECRETS.salt(JOB, b"\x06" * 32))
    openings.keep(ours)
    openings.keep(other)
    openings.keep(replace(ours, receipt=b"\x0e" * 32))  # the first one was committed to, perhaps
    again = Openings(tmp_path / "openings", SECRETS)
    assert list(again.all()) == again.of(JOB) == [ours, other]
    (file,) = (tmp_path / "openings").iterdir()
    assert ours.salt.hex() not in file.read_text()
    again.forget(JOB)
    again.forget(JOB)
    assert list(again.all()) == [] and again.of(JOB) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "[1]",
        '[{"seed": "00"}]',
        '[{"seed": "zz", "exit": 0, "root": "", "receipt": ""}]',
        '[{"seed": "' + "00" * 32 + '", "exit": 9, "root": "' + "00" * 32 + '", "receipt": "' + "00" * 32 + '"}]',
        "\x00" * 99,
    ],
)
def test_of__damaged_file__nothing_and_no_crash(openings: Openings, tmp_path: Path, text: str) -> None:
    (tmp_path / "openings" / f"{JOB.hex()}.json").write_text(text)
    (tmp_path / "openings" / "notes.json").write_text("not a job")
    assert list(openings.all()) == []
    openings.keep(result())
    assert openings.of(JOB) == [result()]


def test_keep__power_cut_while_writing__the_old_file_stands(openings: Openings, tmp_path: Path) -> None:
    openings.keep(result())
    (tmp_path / "openings" / f"{JOB.hex()}.new").write_text("[{")  # what a cut leaves behind
    assert openings.of(JOB) == [result()]
    assert list(openings.all()) == [result()]
