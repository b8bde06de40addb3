"""Registering: the worker consents once, and belongs to that provider for ever."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contracts.ledgers import Ledgers
from tests.contracts.world import CPU, ZERO, refused

from tensorgrid.domain.encoding import keccak256, word
from tensorgrid.domain.jobs import hardware_class


@pytest.fixture
def known(ledgers: Ledgers) -> tuple[Any, Any]:
    """A registered worker, and its provider."""
    ledgers.register(ledgers.provider, ledgers.worker)
    return ledgers.worker, ledgers.provider


def test_consent_digest__is_eip712_over_worker_and_provider(ledgers: Ledgers) -> None:
    worker, provider = str(ledgers.spare[0].address), str(ledgers.spare[1].address)
    domain = keccak256(
        keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
        + keccak256(b"tensorgrid workers")
        + keccak256(b"1")
        + word(int(ledgers.chain.chain_id))
        + word(str(ledgers.registry.address))
    )
    struct = keccak256(keccak256(b"Consent(address worker,address provider)") + word(worker) + word(provider))
    assert ledgers.registry.consentDigest(worker, provider) == keccak256(b"\x19\x01" + domain + struct)


def test_register__with_consent__is_known(ledgers: Ledgers) -> None:
    worker, provider, till = ledgers.spare[:3]
    ledgers.register(provider, worker, payout=till)
    assert ledgers.registry.providerOf(worker) == provider
    assert ledgers.registry.registeredAt(worker) == ledgers.now
    assert tuple(ledgers.registry.standing(worker)) == (provider, till, ledgers.now, 3, CPU[:5])
    assert tuple(ledgers.registry.profileOf(worker)) == ledgers.profile(till)


@pytest.mark.parametrize("own", [True, False], ids=["the provider named", "nobody named"])
def test_register__no_payout_of_its_own__pays_the_provider(ledgers: Ledgers, own: bool) -> None:
    worker, provider = ledgers.spare[:2]
    ledgers.register(provider, worker, payout=provider if own else ZERO)
    assert ledgers.registry.standing(worker).payee == provider
    assert tuple(ledgers.registry.profileOf(worker)) == ledgers.profile(provider)  # as it takes effect


def test_update__new_fingerprint__is_as_young_as_a_new_registration(ledgers: Ledgers, known: tuple[Any, Any]) -> None:
    worker, provider = known
    before = tuple(ledgers.registry.machineOf(worker))
    payout, hardware, fingerprint, *rest = ledgers.profile(provider)
    ledgers.mine(2)
    ledgers.registry.update(worker, (payout, hardware, fingerprint, *rest), sender=provider)
    assert tuple(ledgers.registry.machineOf(worker)) == before
    ledgers.registry.update(worker, (payout, hardware, b"\5" * 32, *rest), sender=provider)
    head = ledgers.chain.blocks.head
    assert tuple(ledgers.registry.machineOf(worker)) == (b"\5" * 32, head.timestamp, head.number)
    assert ledgers.registry.registeredAt(worker) == head.timestamp


def test_register__by_the_worker_himself__needs_no_signature(ledgers: Ledgers) -> None:
    worker = ledgers.spare[0]
    ledgers.registry.register(worker, ledgers.profile(worker), b"", sender=worker)
    assert ledgers.registry.providerOf(worker) == worker


def test_register__a_contract_account__consents_by_erc1271(ledgers: Ledgers) -> None:
    owner, provider = ledgers.spare[0], ledgers.spare[1]
    wallet = ledgers.deploy("StubWallet", owner)
    consent = owner.sign_raw_msghash(ledgers.registry.consentDigest(wallet, provider)).encode_rsv()
    ledgers.registry.register(wallet, ledgers.profile(provider), consent, sender=provider)
    assert ledgers.registry.providerOf(wallet) == provider


def test_register__consent_of_another_or_to_another__is_refused(ledgers: Ledgers) -> None:
    worker, provider, thief = ledgers.spare[:3]
    by_thief = thief.sign_raw_msghash(ledgers.registry.consentDigest(worker, provider)).encode_rsv()
    to_provider = worker.sign_raw_msghash(ledgers.registry.consentDigest(worker, provider)).encode_rsv()
    with refused("BadConsent", worker=worker):
        ledgers.registry.register(worker, ledgers.profile(provider), by_thief, sender=provider)
    with refused("BadConsent", worker=worker):
        ledgers.registry.register(worker, ledgers.profile(thief), to_provider, sender=thief)
    with refused("BadConsent", worker=worker):
        ledgers.registry.register(worker, ledgers.profile(provider), b"", sender=provider)


def test_register__consent_to_another_registry__is_refused(ledgers: Ledgers) -> None:
    """The digest names chain and contract, so a consent cannot be carried to a copy of the registry."""
    worker, provider = ledgers.spare[:2]
    elsewhere = ledgers.deploy("WorkerRegistry")
    consent = worker.sign_raw_msghash(elsewhere.consentDigest(worker, provider)).encode_rsv()
    with refused("BadConsent", worker=worker):
        ledgers.registry.register(worker, ledgers.profile(provider), consent, sender=provider)


def test_register__twice__is_refused_even_to_the_worker(ledgers: Ledgers, known: tuple[Any, Any]) -> None:
    worker, provider = known
    with refused("AlreadyRegistered", worker=worker, provider=provider):
        ledgers.registry.register(worker, ledgers.profile(worker), b"", sender=worker)


def test_register__zero_worker__is_refused(ledgers: Ledgers) -> None:
    with refused("ZeroAddress"):
        ledgers.registry.register(ZERO, ledgers.profile(ledgers.stranger), b"", sender=ledgers.stranger)


def test_update__keeps_the_age__unless_the_class_changes(ledgers: Ledgers, known: tuple[Any, Any]) -> None:
    worker, provider = known
    since = ledgers.registry.registeredAt(worker)
    ledgers.registry.update(worker, ledgers.profile(provider, capacity=9), sender=provider)
    assert tuple(ledgers.registry.standing(worker)) == (provider, provider, since, 9, CPU[:5])
    other = hardware_class("h100")
    ledgers.registry.update(worker, ledgers.profile(provider, hardware=other), sender=provider)
    assert tuple(ledgers.registry.standing(worker)) == (provider, provider, ledgers.now, 3, other[:5])


def test_update__another_class_with_the_same_tag__is_a_new_registration_too(
    ledgers: Ledgers, known: tuple[Any, Any]
) -> None:
    worker, provider = known
    since = ledgers.registry.registeredAt(worker)
    twin = CPU[:5] + bytes(27)
    ledgers.registry.update(worker, ledgers.profile(provider, hardware=twin), sender=provider)
    assert ledgers.registry.registeredAt(worker) == ledgers.now > since
    assert ledgers.registry.profileOf(worker).hardwareClass == twin


def test_update__the_payout__can_be_given_and_taken_back(ledgers: Ledgers, known: tuple[Any, Any]) -> None:
    worker, provider = known
    till = ledgers.spare[2]
    for payout, payee in ((till, till), (ZERO, provider), (till, till), (provider, provider)):
        ledgers.registry.update(worker, ledgers.profile(payout), sender=provider)
        assert ledgers.registry.standing(worker).payee == payee
        assert ledgers.registry.profileOf(worker).payout == payee


def test_update__by_anyone_but_the_provider__is_refused(ledgers: Ledgers, known: tuple[Any, Any]) -> None:
    worker, provider = known
    for thief in (worker, ledgers.stranger):
        with refused("NotProvider", worker=worker, provider=provider, caller=thief):
            ledgers.registry.update(worker, ledgers.profile(thief), sender=thief)


def test_update__unknown_worker__is_refused(ledgers: Ledgers) -> None:
    with refused("UnknownWorker", worker=ledgers.stranger):
        ledgers.registry.update(ledgers.stranger, ledgers.profile(ledgers.stranger), sender=ledgers.stranger)


def test_reclass__by_the_worker__keeps_payee_and_capacity_and_starts_its_age_anew(
    ledgers: Ledgers, known: tuple[Any, Any]
) -> None:
    worker, provider = known
    slower = hardware_class("a10")
    receipt = ledgers.registry.reclass(slower, 812, 5, sender=worker)
    assert [tuple(log.event_arguments.values()) for log in receipt.events] == [(worker, slower, 812, 5)]
    assert tuple(ledgers.registry.standing(worker)) == (provider, provider, ledgers.now, 3, slower[:5])
    profile = ledgers.registry.profileOf(worker)
    assert (profile.hardwareClass, profile.capability, profile.price) == (slower, 812, 5)


def test_reclass__into_its_own_class__keeps_the_age(ledgers: Ledgers, known: tuple[Any, Any]) -> None:
    worker, _ = known
    since = ledgers.registry.registeredAt(worker)
    ledgers.registry.reclass(CPU, 950, 5, sender=worker)
    assert ledgers.registry.registeredAt(worker) == since
    assert ledgers.registry.profileOf(worker).capability == 950


def test_beat__tells_and_stores_nothing(ledgers: Ledgers, known: tuple[Any, Any]) -> None:
    worker, _ = known
    before = tuple(ledgers.registry.profileOf(worker))
    receipt = ledgers.registry.beat(990, sender=worker)
    assert [tuple(log.event_arguments.values()) for log in receipt.events] == [(worker, 990)]
    assert tuple(ledgers.registry.profileOf(worker)) == before


@pytest.mark.parametrize("call", [("beat", 1), ("reclass", CPU, 1, 1)], ids=["beat", "reclass"])
def test_beat_and_reclass__by_anyone_but_a_worker__are_refused(
    ledgers: Ledgers, known: tuple[Any, Any], call: tuple[Any, ...]
) -> None:
    _, provider = known
    for caller in (provider, ledgers.stranger):  # the provider has `update`
        with refused("UnknownWorker", worker=caller):
            getattr(ledgers.registry, call[0])(*call[1:], sender=caller)


def test_reading_the_unknown(ledgers: Ledgers) -> None:
    assert ledgers.registry.providerOf(ledgers.stranger) == ZERO
    assert tuple(ledgers.registry.standing(ledgers.stranger)) == (ZERO, ZERO, 0, 0, bytes(5))
    with refused("UnknownWorker", worker=ledgers.stranger):
        ledgers.registry.profileOf(ledgers.stranger)
