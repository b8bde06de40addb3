"""The demo's own parts: its liar lies well, its checks can fail, its tables say what happened."""

import io
import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from tensorgrid.demo import SCENARIOS, DemoFailed, digits, main_job, scenario
from tensorgrid.demo.audit import Check, Ended, Slash, broken, checks_of, checks_of_job, checks_of_slash, missing
from tensorgrid.demo.book import ACTIVE, EXITING, FREE, HELD, LOCKED, WAITING, WALLET, Book, Page
from tensorgrid.demo.ledger import BURNED, ESCROW, Ledger, Snapshot
from tensorgrid.demo.liar import wrong_payload
from tensorgrid.demo.live import View
from tensorgrid.demo.primes import primes
from tensorgrid.demo.report import Numbers, print_balances, print_steps
from tensorgrid.demo.statement import MoneyNumbers, coin_text, print_checks, print_missing, print_moves
from tensorgrid.demo.statement import print_balances as print_all
from tensorgrid.demo.survivors import processes_naming
from tensorgrid.demo.transactions import Sent
from tensorgrid.domain.errors import ResultRejected, SpecInvalid
from tensorgrid.domain.jobs import Fault
from tensorgrid.domain.money import Token
from tensorgrid.domain.payload import Payload, pack_payload, payload_root

USDC, TGS = Token("0x" + "11" * 20, "USDC", 6), Token("0x" + "22" * 20, "TGS", 18)


def quiet():
    return Console(file=io.StringIO(), width=110, highlight=False)


# ----------------------------------------------------------------------------------------------------------- the liar


def test_liar__model__same_shape_other_weights_same_claims():
    honest = pack_payload(
        {"a": ("F32", (2,), b"\0\0\x80?" * 2), "b": ("I64", (1,), b"\1" + bytes(7))}, {"accuracy": 0.9}
    )
    lie = wrong_payload(honest)
    ours, theirs = Payload.parse(honest), Payload.parse(lie)
    assert [(t.name, t.dtype, t.shape) for t in ours.tensors] == [(t.name, t.dtype, t.shape) for t in theirs.tensors]
    assert theirs.json == {"accuracy": 0.9}
    assert payload_root(honest) != payload_root(lie)
    assert wrong_payload(honest) == lie, "he lies the same way every time"


def test_liar__nothing_to_swap__lies_in_json():
    assert Payload.parse(wrong_payload(pack_payload({}, {"sum": 3}))).json == {"lie": True}
    only_flags = pack_payload({"ok": ("BOOL", (1,), b"\1")}, {"sum": 3})
    assert payload_root(wrong_payload(only_flags)) != payload_root(only_flags)
    with pytest.raises(ResultRejected):
        wrong_payload(b"no payload")


# ----------------------------------------------------------------------------------------------------------- the work


def test_digits__split__held_out_part_is_in_no_training_image():
    data = digits.load_digits(seed=3)
    assert data.images.shape == (1300, 1, 8, 8)
    assert data.held_out_images.shape == (497, 1, 8, 8)
    assert (data.images.dtype, data.labels.dtype) == (np.float32, np.int64)
    assert 0 <= data.images.min() <= data.images.max() <= 1
    again, other = digits.load_digits(seed=3), digits.load_digits(seed=4)
    assert np.array_equal(again.images, data.images)
    assert not np.array_equal(other.images, data.images)


def test_digits__train__learns_and_the_liars_version_does_not(tmp_path):
    """In a process of its own: torch stays out of this one."""
    code = (
        "import json, torch\n"
        "from tensorgrid.demo import digits\n"
        "from tensorgrid.demo.liar import wrong_payload\n"
        "from tensorgrid.domain.arrays import pack_result, result_of\n"
        "torch.manual_seed(0); torch.set_num_threads(1)\n"
        "data = digits.load_digits(0)\n"
        "weights = digits.train.local(data.images, data.labels, epochs=6, validation=200)\n"
        "lie = result_of(wrong_payload(pack_result(weights)), 'torch')\n"
        "held = (data.held_out_images, data.held_out_labels)\n"
        "print(json.dumps([digits.accuracy_of(w, *held) for w in (weights, lie)]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    honest, wrong = json.loads(done.stdout)
    assert honest >= 0.95
    assert wrong < 0.5


# ---------------------------------------------------------------------------------------------------------- the checks


def tale(drawn):
    """A tale whose jobs draw the liar, or not, as told."""
    told = object.__new__(main_job._Tale)
    told.liar = SimpleNamespace(address="0xliar")
    told.net = SimpleNamespace(workers=[SimpleNamespace(pid=n) for n in range(5)])
    told.view = View(quiet(), {})
    answers = iter(drawn)

    def one_job(number):
        story = SimpleNamespace(seats={"0xliar": None} if next(answers) else {})
        return SimpleNamespace(number=number, story=story)

    told._one_job = one_job
    return told


def test_tale__liar_not_drawn__says_so_and_posts_again():
    told = tale([False, False, True])
    assert told._until_the_liar_is_drawn().number == 3
    assert told.view.console.file.getvalue().count("did not draw the liar this time") == 2


def test_tale__five_jobs_without_him__is_a_failure():
    with pytest.raises(DemoFailed, match="5 jobs without the liar"):
        tale([False] * 5)._until_the_liar_is_drawn()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, None),
        ({"accuracy": 0.94}, "below 95%"),
        ({"balance_sum": 1}, "sum to 1 units"),
        ({"paid": 3}, "3 workers were paid"),
        ({"slashed": 2}, "he alone"),
        ({"fault": Fault.NO_SHOW}, "was not slashed"),
        ({"winner": "0xliar"}, "the result is the liar's"),
    ],
)
def test_tale__a_promise_that_did_not_hold__is_a_sentence(change, sentence):
    numbers = Numbers(
        0.97, change.get("balance_sum", 0), change.get("paid", 4), change.get("slashed", 1), [], "none", 1, 1
    )
    ended = SimpleNamespace(
        accuracy=change.get("accuracy", 0.97),
        story=SimpleNamespace(seats={"0xliar": SimpleNamespace(fault=change.get("fault", Fault.SLASHED))}),
        result=SimpleNamespace(provenance=SimpleNamespace(worker=change.get("winner", "0xhonest"))),
    )
    broken = tale([])._broken(ended, numbers)
    assert len(broken) == (sentence is not None)
    assert sentence is None or sentence in broken[0]


def test_scenarios__every_one_can_be_loaded__unknown_is_refused():
    for found in SCENARIOS.values():
        assert callable(found.load())
    assert len({found.report for found in SCENARIOS.values()}) == len(SCENARIOS), "none overwrites another's numbers"
    with pytest.raises(SpecInvalid, match="there is audit, crash, main, market, money"):
        scenario("money-laundering")


# ------------------------------------------------------------------------------------------------- the money's own book


def book():
    return Book(SimpleNamespace(), {"Bob": "0xb", "jury": "0xj"}, {"Bob": ("0xb", "0xw")}, USDC, TGS)


def page(in_escrow=30, in_vault=90, locked=40, supply=130, **units):
    """Bob: 100 USDC in all, 10 of it burned; 90 TGS of stake. Each balance can be made wrong."""
    places = {("Bob", WALLET, "USDC"): 100, ("Bob", FREE, "USDC"): 5, ("Bob", HELD, "USDC"): 15}
    places |= {("burned", WAITING, "USDC"): 10, ("jury", WALLET, "USDC"): 0}
    places |= {("Bob", ACTIVE, "TGS"): 50, ("Bob", EXITING, "TGS"): 30, ("burned", WAITING, "TGS"): 10}
    places |= {("Bob", place, "USDC"): value for place, value in units.items()}
    return Page(1, places, {"Bob": locked}, {"Bob": 0}, in_escrow, in_vault, {"USDC": supply, "TGS": 90})


def test_audit__sound_page__everything_holds():
    checks = list(checks_of(book(), page()))
    assert broken(checks) == []
    assert [check.name for check in checks] == ["E1", "S1", "S1", "sum", "sum"]
    assert missing(book(), page()) == {"USDC": 0, "TGS": 0}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"in_escrow": 29}, ["E1 (credits of all"]),
        ({"in_vault": 91}, ["S1 (stakes of all"]),
        ({"locked": 81}, ["S1 (Bob: active + exiting >= locked"]),
        ({"supply": 131}, ["sum (all balances = all USDC"]),
        ({FREE: 6}, ["E1", "sum"]),
    ],
)
def test_audit__one_unit_wrong__is_named(change, says):
    told = broken(checks_of(book(), page(**change)))
    assert len(told) == len(says)
    assert all(sentence.startswith(start) for sentence, start in zip(told, says, strict=True))


def test_audit__job_or_slash_that_does_not_add_up__is_named():
    job = Ended("0x1", "settled", escrowed=10, paid=5, fee=1, bounty=0, returned=4, relay_fee=9)
    assert broken(checks_of_job(job)) == []
    assert broken(checks_of_job(Ended("0x1", "settled", 10, 5, 1, 1, 4)))[0].startswith("E2 (settled")
    assert broken(checks_of_slash(Slash(lost=5, burned=3, finder_share=2))) == []
    assert [s[:2] for s in broken(checks_of_slash(Slash(5, 2, 3)))] == ["S3"], "less than half is burned"
    assert [s[:2] for s in broken(checks_of_slash(Slash(5, 4, 2)))] == ["S3"], "more than was lost"


def test_statement__shows_what_moved__and_who_has_nothing():
    out, before, after = quiet(), page(), page(locked=0, in_escrow=29, **{FREE: 4})
    print_moves(out, book(), before, after)
    moved = out.file.getvalue()
    assert [line.split()[0] for line in moved.splitlines() if "USDC" in line or "TGS" in line] == ["Bob", "Bob"]
    assert LOCKED in moved
    print_all(out, book(), before, after)
    print_checks(out, [Check("E1", "a promise", 1, 2), Check("S3", "another", 2, 1, ">=")])
    print_missing(out, book(), after)
    shown = out.file.getvalue()
    for sentence in ("jury", "Escrow", "NOT", "1 wei are missing", "TGS: nothing is missing: 0 wei"):
        assert sentence in shown


def test_money_numbers__amounts_are_text__counts_are_not(tmp_path):
    told = MoneyNumbers(
        jobs=[Ended("0x1", "settled", 10, 5, 1, 0, 4)],
        slash=Slash(10**20, 10**20, 0),
        checks=[Check("E1", "a promise", 1, 1)],
        missing={"USDC": 0},
        gasless_coin=0,
        relay_fee=2,
        surplus=3,
        bond=4,
        exit_delay=12000,
        worker_pids=[7],
        sandbox="none",
        transactions=5,
        seconds=1.5,
    )
    told.write(tmp_path / "build" / "money.json", book(), page(), page())
    found = json.loads((tmp_path / "build" / "money.json").read_text())
    assert found["slash"]["burned"] == str(10**20)
    assert found["checks"] == [
        {"name": "E1", "says": "a promise", "left": "1", "right": "1", "wanted": "=", "holds": True}
    ]
    assert (found["worker_pids"], found["transactions"], found["exit_delay"]) == ([7], 5, 12000)
    assert {"party": "Bob", "place": WALLET, "token": "USDC", "before": "100", "after": "100"} in found["balances"]


def test_primes__and_the_coin__as_told():
    assert primes(20)["primes"].tolist() == [2, 3, 5, 7, 11, 13, 17, 19]
    assert (coin_text(0), coin_text(2 * 10**18)) == ("0 wei", "2.000000 ETH")


# ---------------------------------------------------------------------------------------------------------- the report


def test_ledger__money_from_nowhere__does_not_sum_to_zero():
    contracts = SimpleNamespace(escrow=SimpleNamespace(address="0xe"), vault=SimpleNamespace(address="0xv"))
    ledger = Ledger(contracts, {"requester": "0xr"}, (USDC,))
    before = Snapshot({(party, "USDC"): 10 for party in ledger.parties})
    moved = Snapshot(dict(before.units) | {("requester", "USDC"): 4, (ESCROW, "USDC"): 15, (BURNED, "USDC"): 11})
    leaked = Snapshot(dict(moved.units) | {(ESCROW, "USDC"): 16})
    assert ledger.sums(before, moved) == {"USDC": 0}
    assert ledger.sums(before, leaked) == {"USDC": 1}
    out = quiet()
    print_balances(out, ledger, before, moved, {("requester", "USDC"): "paid for work"})
    shown = out.file.getvalue()
    assert "-0.000006 USDC" in shown
    assert "paid for work" in shown
    (total,) = [line for line in shown.splitlines() if line.startswith(" sum")]
    assert total.split()[1:3] == ["0", "USDC"]


def test_steps__progress_folded__set_up_is_one_line__gas_adds_up():
    def sent(block, sender, name, gas, *, ok=True):
        return Sent(f"0x{block:064x}", block, 0, sender, name, gas, ok)

    steps = [
        sent(1, "0xd", "a contract is created", 1000),
        sent(5, "0xr", "JobBoard.post", 100),
        sent(6, "0xa", "JobBoard.progress", 10),
        sent(7, "0xb", "JobBoard.progress", 10),
        sent(8, "0xa", "JobBoard.progress", 10),
        sent(9, "0xa", "JobBoard.settle", 50),
        sent(9, "0xb", "JobBoard.settle", 7, ok=False),
    ]
    out = quiet()
    print_steps(out, steps, {"0xa": "worker 1", "0xr": "requester"}, posted_block=5)
    lines = out.file.getvalue().splitlines()
    (setup,) = [line for line in lines if "set the network up: 1 transactions" in line]
    (folded,) = [line for line in lines if "2 times" in line]
    (refused,) = [line for line in lines if "too late" in line]
    (total,) = [line for line in lines if "the job: 6 transactions" in line]
    assert "1,000" in setup
    assert ("worker 1" in folded, " 20 " in folded + " ") == (True, True)
    assert " 7 " in refused + " "
    assert "187" in total


def test_numbers__written__have_the_promised_keys(tmp_path):
    Numbers(0.97, 0, 4, 1, [1, 2], "bubblewrap", 80, 33.3).write(tmp_path / "build" / "demo.json")
    assert json.loads((tmp_path / "build" / "demo.json").read_text()) == {
        "accuracy": 0.97, "balance_sum": 0, "paid": 4, "slashed": 1, "worker_pids": [1, 2], "sandbox": "bubblewrap",
        "transactions": 80, "seconds": 33.3,
    }  # fmt: skip


def test_survivors__a_process_that_names_the_folder__is_found(tmp_path):
    assert processes_naming(str(tmp_path)) == []
    command = [sys.executable, "-c", "print(flush=True); input()", str(tmp_path)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        child.stdout.readline()  # it runs: between fork and exec it still has our command line
        assert processes_naming(str(tmp_path)) == [child.pid]
    finally:
        child.communicate(b"\n")
    assert processes_naming(str(tmp_path)) == []
