"""The money for disputes: shown, paid in by the provider, and without it no audited job is taken."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tests.worker.audits import make_audit
from tests.worker.jobs import ME, SECOND, make_record, make_terms
from tests.worker.test_register import HOT, PAY, call

from tensorgrid.chain.records import Balance
from tensorgrid.domain.errors import InsufficientFunds, SpecInvalid
from tensorgrid_worker.auditing.reading import AuditReader
from tensorgrid_worker.membership import bonding
from tensorgrid_worker.membership.joining import JoiningRefused

AUDIT, JURY, ESCROW, PAYER = ("0x" + digit * 40 for digit in "abcd")
BOND, APPEAL = 500, 2_100


class Chain:
    """`free`: under the audit verifier; `wallet`: the payer's."""

    def __init__(self, *, free: int = 0, wallet: int = 10_000, allowance: int = 0, chain_id: int = 1) -> None:
        self.chain_id = chain_id
        self.deployment = SimpleNamespace(tokens=(PAY,))
        self.audit: Any = SimpleNamespace(
            address=AUDIT,
            bond_for=lambda _: BOND,
            audit=lambda *_: make_audit(),
        )
        self.jury = SimpleNamespace(address=JURY, fee=lambda _: BOND, appeal_fee=lambda _: APPEAL)
        self.escrow = SimpleNamespace(
            address=ESCROW,
            balance=lambda controller, *_: Balance(free if controller == AUDIT else 0, 0),
            deposit=lambda *words: call("deposit")(*words),
        )
        profile = SimpleNamespace(fingerprint=b"\x01" * 32)
        self.registry = SimpleNamespace(profile_of=lambda _: profile)
        self._token = SimpleNamespace(
            balance_of=lambda _: wallet,
            allowance=lambda *_: allowance,
            approve=call("approve"),
            mint=call("mint"),
        )

    def token(self, _: str) -> Any:
        return self._token


def steps(chain: Chain, units: int = BOND, *, appeals: bool = False) -> list[Any]:
    return list(bonding.deposit_steps(chain, HOT.address, PAYER, PAY, units, appeals=appeals))  # type: ignore[arg-type]


def test_purses__what_a_dispute_and_an_appeal_take__and_how_far_it_reaches() -> None:
    disputes, appeals = bonding.purses(Chain(free=1_200), HOT.address)  # type: ignore[arg-type]
    assert (disputes.free, disputes.least, appeals.free, appeals.least) == (1_200, BOND, 0, APPEAL)
    assert "covers 2 dispute(s)" in disputes.line() and "covers no appeal" in appeals.line()


def test_deposit__approved_only_where_it_must_be__credited_to_the_worker() -> None:
    assert [step.call.name for step in steps(Chain())] == ["approve", "deposit"]
    [only] = steps(Chain(allowance=BOND))
    assert AUDIT in only.call.data.decode() and HOT.address in only.call.data.decode()
    assert JURY in steps(Chain(), appeals=True)[-1].call.data.decode()


def test_deposit__more_than_the_payer_has__says_how_much__a_devnet_mints_it() -> None:
    with pytest.raises(InsufficientFunds, match="needs"):
        steps(Chain(wallet=BOND - 1))
    assert [step.call.name for step in steps(Chain(wallet=0, chain_id=31337))] == ["mint", "approve", "deposit"]


def test_network_without_audits__nothing_to_deposit() -> None:
    chain = Chain()
    chain.audit = None
    assert bonding.purses(chain, HOT.address) == []  # type: ignore[arg-type]
    with pytest.raises(JoiningRefused, match="no audits"):
        steps(chain)


@pytest.mark.parametrize("text", ["0", "0 USDC", "-1", "ten"])
def test_amounts__nonsense_or_nothing__refused(text: str) -> None:
    with pytest.raises((JoiningRefused, SpecInvalid)):
        bonding.amount_of(Chain(), text)  # type: ignore[arg-type]
    assert bonding.amount_of(Chain(), "2 USDC") == (PAY, 2_000_000)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------------ taken out


def open_job(*workers: str, **changes: Any) -> Any:
    terms = make_terms(workers=1, verifier=changes.pop("verifier", AUDIT), pay_token=changes.pop("token", PAY.address))
    return make_record(*workers, terms=terms, **changes)


def test_withdraw__what_open_audited_jobs_may_need__stays() -> None:
    jobs = [
        open_job(ME),
        open_job(ME, token="0x" + "e" * 40),
        open_job(ME, verifier=JURY),
        open_job(ME, ended_block=5),
        open_job(SECOND, ME),
        open_job(ME),
    ]
    needed = bonding.wanted(Chain(), jobs, ME, PAY)  # type: ignore[arg-type]
    assert needed == 2 * BOND, "one for each that is ours, open, audited and paid in this token"
    bonding.check_leaves(3 * BOND, BOND, needed, PAY)
    with pytest.raises(JoiningRefused, match="--force"):
        bonding.check_leaves(3 * BOND, BOND + 1, needed, PAY)


# ------------------------------------------------------------------------------------------------------ at the gate


def unfit(free: int, *, needs: bool = True, open_jobs: int = 0) -> str:
    reader = AuditReader(Chain(free=free), ME, needs_bond=needs)  # type: ignore[arg-type]
    record = make_record(terms=make_terms(workers=1))
    return reader.unfit(record, auditor=False, open_jobs=open_jobs)


def test_audited_job__no_bond__not_taken_and_says_the_command() -> None:
    assert "tensorgrid-worker bond --deposit" in unfit(BOND - 1)
    assert unfit(BOND) == ""
    assert unfit(0, needs=False) == ""


def test_audited_jobs__each_open_one_has_its_bond__another_needs_one_more() -> None:
    assert unfit(BOND, open_jobs=1) and not unfit(2 * BOND, open_jobs=1)
