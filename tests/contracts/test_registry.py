"""Registering: the worker consents once, and belongs to that provider for ever."""

from __future__ import annotations

from tests.contracts.world import CPU, ZERO, World, refused

from tensorgrid.domain.encoding import keccak256, word
from tensorgrid.domain.jobs import hardware_class


def test_consent_digest__is_eip712_over_worker_and_provider(world: World) -> None:
    worker, provider = str(world.spare[0].address), str(world.spare[1].address)
    domain = keccak256(
        keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
        + keccak256(b"tensorgrid workers")
        + keccak256(b"1")
        + word(world.deployment.chain_id)
        + word(str(world.registry.address))
    )
    struct = keccak256(keccak256(b"Consent(address worker,address provider)") + word(worker) + word(provider))
    assert world.registry.consentDigest(worker, provider) == keccak256(b"\x19\x01" + domain + struct)


def test_register__with_consent__is_known(world: World) -> None:
    worker, provider, till = world.spare[:3]
    world.register(provider, worker, payout=till)
    assert world.registry.providerOf(worker) == provider
    assert world.registry.registeredAt(worker) == world.now
    assert tuple(world.registry.standing(worker)) == (provider, world.now, 3, CPU)
    assert tuple(world.registry.payeeOf(worker)) == (provider, till)
    profile = world.registry.profileOf(worker)
    assert tuple(profile)[1:] == world.profile(provider)[1:]


def test_register__by_the_worker_himself__needs_no_signature(world: World) -> None:
    worker = world.spare[0]
    world.registry.register(worker, world.profile(worker), b"", sender=worker)
    assert world.registry.providerOf(worker) == worker


def test_register__a_contract_account__consents_by_erc1271(world: World) -> None:
    owner, provider = world.spare[0], world.spare[1]
    wallet = world.deploy_double("StubWallet", owner)
    consent = owner.sign_raw_msghash(world.registry.consentDigest(wallet, provider)).encode_rsv()
    world.registry.register(wallet, world.profile(provider), consent, sender=provider)
    assert world.registry.providerOf(wallet) == provider


def test_register__consent_of_another_or_to_another__is_refused(world: World) -> None:
    worker, provider, thief = world.spare[:3]
    by_thief = thief.sign_raw_msghash(world.registry.consentDigest(worker, provider)).encode_rsv()
    to_provider = worker.sign_raw_msghash(world.registry.consentDigest(worker, provider)).encode_rsv()
    with refused("BadConsent", worker=worker):
        world.registry.register(worker, world.profile(provider), by_thief, sender=provider)
    with refused("BadConsent", worker=worker):
        world.registry.register(worker, world.profile(thief), to_provider, sender=thief)
    with refused("BadConsent", worker=worker):
        world.registry.register(worker, world.profile(provider), b"", sender=provider)


def test_register__twice__is_refused_even_to_the_worker(world: World) -> None:
    worker, provider = world.workers[0], world.providers[0]
    with refused("AlreadyRegistered", worker=worker, provider=provider):
        world.registry.register(worker, world.profile(worker), b"", sender=worker)


def test_register__zero_worker_or_payout__is_refused(world: World) -> None:
    with refused("ZeroAddress"):
        world.registry.register(ZERO, world.profile(world.stranger), b"", sender=world.stranger)
    with refused("ZeroAddress"):
        world.registry.register(world.stranger, world.profile(ZERO), b"", sender=world.stranger)


def test_update__keeps_the_age__unless_the_class_changes(world: World) -> None:
    worker, provider = world.workers[0], world.providers[0]
    since = world.registry.registeredAt(worker)
    world.registry.update(worker, world.profile(provider, capacity=9), sender=provider)
    assert tuple(world.registry.standing(worker)) == (provider, since, 9, CPU)
    other = hardware_class("h100")
    world.registry.update(worker, world.profile(provider, hardware=other), sender=provider)
    assert tuple(world.registry.standing(worker)) == (provider, world.now, 3, other)


def test_update__by_anyone_but_the_provider__is_refused(world: World) -> None:
    worker, provider = world.workers[0], world.providers[0]
    for thief in (worker, world.stranger):
        with refused("NotProvider", worker=worker, provider=provider, caller=thief):
            world.registry.update(worker, world.profile(thief), sender=thief)


def test_update__unknown_worker_or_zero_payout__is_refused(world: World) -> None:
    with refused("UnknownWorker", worker=world.stranger):
        world.registry.update(world.stranger, world.profile(world.stranger), sender=world.stranger)
    with refused("ZeroAddress"):
        world.registry.update(world.workers[0], world.profile(ZERO), sender=world.providers[0])


def test_reading_the_unknown(world: World) -> None:
    assert world.registry.providerOf(world.stranger) == ZERO
    assert tuple(world.registry.standing(world.stranger)) == (ZERO, 0, 0, bytes(32))
    with refused("UnknownWorker", worker=world.stranger):
        world.registry.profileOf(world.stranger)
