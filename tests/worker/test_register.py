"""Which transactions bring a worker in and take it out again, from what the chain says; the node is a double here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from eth_account import Account

from tensorgrid.chain.calls import Call
from tensorgrid.chain.records import Allocation, Balance, Exit, Standing
from tensorgrid.domain.errors import InsufficientFunds, KeyMissing, NodeRefused, SpecInvalid
from tensorgrid.domain.jobs import ZERO_ADDRESS, hardware_class
from tensorgrid.domain.money import Token
from tensorgrid.domain.workers import consent_digest
from tensorgrid_worker.capability.fingerprints import Fingerprint
from tensorgrid_worker.config import WorkerConfig
from tensorgrid_worker.keys import sign_consent
from tensorgrid_worker.membership.joining import Join, JoiningRefused, give_devnet_money, parse_units, profile, steps
from tensorgrid_worker.membership.leaving import leaving
from tensorgrid_worker.membership.wallet import open_provider, shown, unsigned

HOT, COLD = Account.from_key("0x" + "11" * 32), Account.from_key("0x" + "22" * 32)
BOARD, VAULT, REGISTRY, OTHER = ("0x" + digit * 40 for digit in "3456")
STAKE, PAY = Token("0x" + "7" * 40, "TGS", 18), Token("0x" + "8" * 40, "USDC", 6)
UNIT = 10**18


class Chain:
    """What the steps ask of the contracts. Calls are named by what they do."""

    chain_id = 1

    def __init__(self, **said: Any) -> None:
        self.s = SimpleNamespace(
            **{
                "provider": ZERO_ADDRESS, "payee": COLD.address, "profile": None, "active": 0, "locked": 0, "free": 0,
                "exit": (0, 0), "tokens": 500 * UNIT, "allowance": 0, "pay": 0, "now": 1000,
            } | said
        )  # fmt: skip
        self.board = SimpleNamespace(address=BOARD)
        self.audit = self.jury = None
        self.deployment = SimpleNamespace(stake_token=STAKE, tokens=(PAY,))
        self.parameters = SimpleNamespace(
            values=lambda: SimpleNamespace(min_stake=100 * UNIT), class_allowed=lambda tag: tag == hardware_class("cpu")
        )
        self.registry = SimpleNamespace(
            address=REGISTRY,
            provider_of=lambda _: self.s.provider,
            profile_of=lambda _: self.s.profile,
            standing=lambda _: Standing(self.s.provider, self.s.payee, 0, 1, b""),
            register=call("register"),
            update=call("update"),
        )
        self.vault = SimpleNamespace(
            address=VAULT,
            stake_token=lambda: STAKE.address,
            exit_delay=lambda: 600,
            free_of=lambda *_: self.s.free,
            allocation_of=lambda *_: Allocation(self.s.active, self.s.locked, 0, int(self.s.locked > 0), False),
            exit_of=lambda *_: Exit(*self.s.exit),
            **{name: call(name) for name in ("deposit", "allocate", "request_exit", "finish_exit", "withdraw")},
        )
        self.escrow = SimpleNamespace(balance=lambda *_: Balance(self.s.pay, 0), withdraw=call("withdraw_pay"))
        self.connection = SimpleNamespace(now=lambda: self.s.now, rpc=self.refuse, balance=lambda _: 0)

    def token(self, _: str) -> Any:
        return SimpleNamespace(
            balance_of=lambda _: self.s.tokens, allowance=lambda *_: self.s.allowance, approve=call("approve")
        )

    def refuse(self, *_: Any) -> Any:
        raise NodeRefused("execution reverted")


def call(name: str) -> Any:
    return lambda *arguments: Call(VAULT, repr(arguments).encode(), name)


def join(tmp_path: Path, stake: int = 300 * UNIT, **settings: Any) -> Join:
    config = WorkerConfig(
        rpc_url="http://x", deployment=tmp_path, keystore=tmp_path, password_file=tmp_path, store="s",
        home=tmp_path, **settings,
    )  # fmt: skip
    return Join(config, HOT, COLD.address, stake, 200_000)


def names(found: Any) -> list[str]:
    return [step.call.name for step in found]


def test_register__newcomer__four_transactions(tmp_path: Path) -> None:
    assert names(steps(Chain(), join(tmp_path))) == ["register", "approve", "deposit", "allocate"]


def test_register__again_after_all_was_done__nothing(tmp_path: Path) -> None:
    wanted = join(tmp_path)
    chain = Chain(provider=COLD.address, profile=profile(wanted), active=300 * UNIT)
    assert steps(chain, wanted) == []


def test_register__cut_off_half_way__only_the_rest(tmp_path: Path) -> None:
    wanted = join(tmp_path)
    chain = Chain(provider=COLD.address, profile=profile(wanted), free=300 * UNIT, tokens=0)
    assert names(steps(chain, wanted)) == ["allocate"]
    chain = Chain(provider=COLD.address, profile=profile(wanted), allowance=300 * UNIT)
    assert names(steps(chain, wanted)) == ["deposit", "allocate"]


def test_register__price_or_capacity_changed__one_update(tmp_path: Path) -> None:
    chain = Chain(provider=COLD.address, profile=profile(join(tmp_path)), active=300 * UNIT)
    assert names(steps(chain, join(tmp_path, capacity=2))) == ["update"]


def test_register__another_providers_worker__refused(tmp_path: Path) -> None:
    with pytest.raises(JoiningRefused, match="for ever"):
        steps(Chain(provider=OTHER), join(tmp_path))


def test_register__bad_amounts_or_class__each_its_sentence(tmp_path: Path) -> None:
    with pytest.raises(JoiningRefused, match=r"100\.00 TGS"):
        steps(Chain(), join(tmp_path, stake=99 * UNIT))
    with pytest.raises(JoiningRefused, match="does not list class"):
        steps(Chain(), join(tmp_path, hardware_class="abacus"))
    with pytest.raises(InsufficientFunds, match=r"200\.00 TGS"):
        steps(Chain(tokens=100 * UNIT), join(tmp_path))


def test_profile__never_measured__claims_nothing(tmp_path: Path) -> None:
    assert profile(join(tmp_path)).capability == 0


def test_sign_consent__recovers_to_the_hot_key__for_this_provider_alone() -> None:
    signature = sign_consent(HOT, COLD.address, chain_id=1, registry=REGISTRY)

    def signer(digest: bytes) -> str:
        recovered: str = Account._recover_hash(digest, signature=signature)
        return recovered

    assert signer(consent_digest(HOT.address, COLD.address, 1, REGISTRY)) == HOT.address
    assert signer(consent_digest(HOT.address, OTHER, 1, REGISTRY)) != HOT.address
    assert signer(consent_digest(HOT.address, COLD.address, 2, REGISTRY)) != HOT.address


def test_unsigned__for_a_hardware_wallet__complete_and_without_a_key(tmp_path: Path) -> None:
    chain = Chain()
    found = unsigned(chain, COLD.address, steps(chain, join(tmp_path)))  # type: ignore[arg-type]
    assert [entry["function"] for entry in found] == ["register", "approve", "deposit", "allocate"]
    assert all({"to", "data", "value", "chainId", "gas", "from"} <= set(entry) for entry in found)
    assert all(int(entry["gas"]) > 50_000 for entry in found), "a step that cannot be tried yet has a bound of its own"
    assert HOT.key.hex() not in str(found)


def test_give_devnet_money__another_chain__never(tmp_path: Path) -> None:
    assert give_devnet_money(Chain(), join(tmp_path)) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "units"), [("300", 300), ("300 TGS", 300 * UNIT), ("0.5 TGS", UNIT // 2)])
def test_parse_units__digits_are_units__amounts_name_their_token(text: str, units: int) -> None:
    assert parse_units(text, STAKE, (STAKE, PAY)) == units


def test_parse_units__other_token_or_nonsense__refused() -> None:
    with pytest.raises(JoiningRefused, match="is in USDC"):
        parse_units("5 USDC", STAKE, (STAKE, PAY))
    for text in ("-5", "1.5", "٣", ""):
        with pytest.raises(SpecInvalid):
            parse_units(text, STAKE, (STAKE, PAY))


def test_shown__units_and_words() -> None:
    assert shown(30_500_000, PAY) == "30500000 (30.50 USDC)"


def test_open_provider__no_terminal_no_file__says_what_to_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: False))
    with pytest.raises(KeyMissing, match="--password-file"):
        open_provider(tmp_path / "cold.json", None)


def test_leave__staked__asks_first_and_tells_when(tmp_path: Path) -> None:
    found = leaving(Chain(provider=COLD.address, active=300 * UNIT, pay=5), HOT.address)  # type: ignore[arg-type]
    assert names(found.steps) == ["request_exit", "withdraw_pay"]
    assert found.due_at == 1600 and "600 s" in found.later[0] and not found.done


def test_leave__too_early__nothing_to_sign_and_when_to_come_back() -> None:
    found = leaving(Chain(provider=COLD.address, exit=(300 * UNIT, 1500)), HOT.address)  # type: ignore[arg-type]
    assert found.steps == () and found.due_at == 1500 and "in 500 s" in found.later[0]


def test_leave__due__stake_out_in_two_transactions_then_done() -> None:
    found = leaving(Chain(provider=COLD.address, exit=(300 * UNIT, 900)), HOT.address)  # type: ignore[arg-type]
    assert names(found.steps) == ["finish_exit", "withdraw"] and not found.later
    assert leaving(Chain(provider=COLD.address), HOT.address).done  # type: ignore[arg-type]


def test_leave__a_job_still_holds_some__that_part_stays() -> None:
    chain = Chain(provider=COLD.address, exit=(300 * UNIT, 900), locked=100 * UNIT)
    found = leaving(chain, HOT.address)  # type: ignore[arg-type]
    assert names(found.steps) == ["finish_exit", "withdraw"]
    assert "200.00 TGS" in found.steps[1].what and "100.00 TGS" in found.later[0]


def test_leave__pay_of_another_payee__told_and_not_touched() -> None:
    found = leaving(Chain(provider=COLD.address, payee=OTHER, pay=5), HOT.address)  # type: ignore[arg-type]
    assert found.steps == () and OTHER in found.later[0]


def test_leave__never_registered__says_so() -> None:
    with pytest.raises(JoiningRefused, match="not registered"):
        leaving(Chain(), HOT.address)  # type: ignore[arg-type]


def test_fingerprint__kept_one_is_registered_and_a_missing_one_forgets_nothing(tmp_path: Path) -> None:
    known = replace(profile(join(tmp_path)), fingerprint=b"\7" * 32)
    chain = Chain(provider=COLD.address, profile=known, active=300 * UNIT)
    assert steps(chain, join(tmp_path)) == []
    taken = Fingerprint({"torch": "2.13"}, {}, 0)
    taken.save(tmp_path)
    assert profile(join(tmp_path)).fingerprint == taken.digest
    assert [step.what.split()[0] for step in steps(chain, join(tmp_path))] == ["update"]
