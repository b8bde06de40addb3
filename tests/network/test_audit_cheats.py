"""Each cheat that an audited job invites, tried for real on a running network: `make test-cheats`.

All of them run at once on one devnet, which is what makes it quick; each test looks at its own.
"""

import pytest
from scripts.audit.fakes import AS_AUDITOR, AS_WORKER, HONEST, scene

pytestmark = [pytest.mark.slow, pytest.mark.cheats]


@pytest.fixture(scope="module")
def tried():
    with scene() as network:
        return {one.cheat: one for one in network.try_all([*AS_WORKER, AS_AUDITOR, HONEST])}


def slashed(one):
    return (one.caught, one.fault, one.paid) == (True, "SLASHED", 0)


def test_attack_random_weights__slashed(tried):
    assert slashed(tried["random_weights"])


def test_attack_stale_weights_of_an_earlier_job__slashed(tried):
    assert slashed(tried["stale_weights"])


def test_attack_other_data__slashed(tried):
    assert slashed(tried["other_data"])


def test_attack_fewer_steps__slashed(tried):
    assert slashed(tried["fewer_steps"])


def test_attack_another_learning_rate__slashed(tried):
    assert slashed(tried["other_rate"])


def test_attack_right_until_step_k__slashed(tried):
    assert slashed(tried["right_until_k"])


def test_attack_real_curve_with_other_weights__slashed(tried):
    assert slashed(tried["curve_of_another"])


def test_attack_copied_commitment__slashed(tried):
    assert slashed(tried["copied_commitment"])


def test_attack_worker_withholds_opening__slashed_without_an_accusation(tried):
    one = tried["withheld_opening"]
    assert slashed(one) and one.said == ()


def test_attack_ciphertext_does_not_open_to_the_root__slashed(tried):
    assert slashed(tried["garbage_ciphertext"])


def test_attack_auditor_answers_without_running__loses_the_bond__work_is_judged_by_others(tried):
    one = tried[AS_AUDITOR]
    assert (one.caught, one.fault, one.paid, one.said) == (True, "NO_SHOW", 0, ())


def test_honest_worker_among_them__paid_and_found_right(tried):
    assert not tried[HONEST].caught and tried[HONEST].paid
