"""The Solidity suite in its short profile, run by the real forge; and what must fail, fails.

The long profile: `make test-deep`.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from scripts.deep import check, tools
from scripts.export_abi import SETTINGS

EACH_FAMILY = {f"Invariant{family}Test" for family in "ESJDG"}


@pytest.mark.slow
def test_solidity_suite__short_profile__passes() -> None:
    answer = tools.run_forge("test")
    assert check.passed(answer) > 200
    for suite in EACH_FAMILY:
        assert f":{suite}" in answer.stdout


@pytest.mark.slow
def test_canaries__each__fails() -> None:
    assert check.failing() == {"test_canary_mustFail", "test_canary_fuzzMustFail", "invariant_canary_mustFail"}


def test_deep_profile__has_the_shipped_machine() -> None:
    """The contracts themselves are not compiled again: the suite deploys the shipped bytecode."""
    deep = tools.settings("deep")
    assert deep["evmVersion"] == SETTINGS["evmVersion"]
    assert deep["remappings"] == SETTINGS["remappings"]


def test_deep_profile__runs_as_often_as_promised() -> None:
    profile = tools.profile_of("deep")
    assert profile["fuzz"]["runs"] >= 10_000
    assert (profile["invariant"]["runs"], profile["invariant"]["depth"]) == (1_000, 100)
    assert profile["invariant"]["fail_on_revert"]


def test_triage__each_judgement__has_a_reason() -> None:
    text = Path(check.TRIAGE).read_text(encoding="utf-8")
    for finding in tomllib.loads(text)["finding"]:
        assert len(finding["reason"]) > 20, finding


def test_coverage_gate__a_gap__is_seen() -> None:
    record = "SF:contracts/core/Escrow.sol\nDA:7,0\nBRDA:7,0,0,0\nLF:100\nLH:97\nBRF:10\nBRH:9\nend_of_record\n"
    double = "SF:contracts/test/Stub.sol\nLF:100\nLH:0\nBRF:10\nBRH:0\nend_of_record\n"
    assert check.reached(record + double) == (0.97, 0.9)
    with pytest.raises(check.Failed):
        check.reached(double)
