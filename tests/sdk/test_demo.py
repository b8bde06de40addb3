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
from tensorgrid.demo.ledger import BURNED, ESCROW, Ledger, Snapshot
from tensorgrid.demo.liar import wrong_payload
from tensorgrid.demo.live import View
from tensorgrid.demo.report import Numbers, print_balances, print_steps
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
    with pytest.raises(SpecInvalid, match="there is main"):
        scenario("money-laundering")


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
