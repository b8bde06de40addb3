"""What the linter finds in a job's source and in its module, and what it leaves alone."""

from __future__ import annotations

import re
import textwrap

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tensorgrid.bundle import bundle_of
from tensorgrid.domain.errors import NotRepeatable, SpecInvalid, TensorgridError
from tensorgrid.lint import Finding, lint_module, lint_source, refuse
from tensorgrid.lint.tables import METHODS, RAISES_ANYWHERE, RAISES_ON_GPU, RAISES_SOMETIMES
from tensorgrid.ordering.options import JobOptions
from tensorgrid.ordering.packing import pack
from tensorgrid.privacy import Identity

HEAD = """
import os, random, time, datetime, threading, concurrent.futures, glob, secrets
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader
"""


def lint(body: str, *, gpu: bool = True) -> list[Finding]:
    return lint_source(HEAD + textwrap.dedent(body), gpu=gpu)


def rules(body: str, *, gpu: bool = True) -> list[tuple[str, str]]:
    return [(found.rule, found.level) for found in lint(body, gpu=gpu)]


@pytest.mark.parametrize(
    ("line", "rule", "level"),
    [
        ("x = random.SystemRandom().random()", "unseeded-random", "error"),
        ("x = os.urandom(8)", "unseeded-random", "error"),
        ("x = secrets.token_bytes(8)", "unseeded-random", "error"),
        ("x = np.random.default_rng()", "unseeded-random", "error"),
        ("x = random.Random(None)", "unseeded-random", "error"),
        ("random.seed()", "unseeded-random", "error"),
        ("torch.seed()", "unseeded-random", "error"),
        ("x = open('/dev/urandom', 'rb')", "unseeded-random", "error"),
        ("for p in set(model.parameters()): pass", "set-order", "error"),
        ("for word in {'a', 'b'}: pass", "set-order", "warning"),
        ("words = set(text)\nindex = {w: i for i, w in enumerate(words)}", "set-order", "warning"),
        ("x = ' '.join(set(text) | other)", "set-order", "warning"),
        ("loader = DataLoader(data, num_workers=4)", "loader-workers", "error"),
        ("loader = torch.utils.data.DataLoader(data, num_workers=n)", "loader-workers", "error"),
        ("x = time.time()", "clock", "warning"),
        ("x = datetime.datetime.now()", "clock", "warning"),
        ("x = nn.AdaptiveAvgPool2d(1)", "no-deterministic-kernel", "error"),
        ("x = F.grid_sample(a, b)", "no-deterministic-kernel", "error"),
        ("x = nn.MaxUnpool2d(2)", "no-deterministic-kernel", "error"),
        ("x = F.interpolate(a, scale_factor=2, mode='bilinear')", "no-deterministic-kernel", "warning"),
        ("x.put_(index, value)", "no-deterministic-kernel", "warning"),
        ("torch.backends.cudnn.benchmark = True", "switch", "error"),
        ("torch.use_deterministic_algorithms(False)", "switch", "error"),
        ("torch.set_num_threads(8)", "switch", "error"),
        ("os.environ['OMP_NUM_THREADS'] = '8'", "switch", "error"),
        ("x = os.cpu_count()", "machine", "warning"),
        ("x = sorted(things, key=lambda t: id(t))", "address", "warning"),
        ("x = np.empty(3)", "uninitialised", "warning"),
        ("for f in glob.glob('*.txt'): pass", "listing", "warning"),
        ("x = [f.result() for f in concurrent.futures.as_completed(fs)]", "concurrency", "error"),
        ("threading.Thread(target=work).start()", "concurrency", "warning"),
        ("import obscure_package", "foreign-package", "warning"),
    ],
)
def test_source__what_makes_runs_differ__found_with_a_place_and_advice(line: str, rule: str, level: str) -> None:
    found = lint(line)
    assert (rule, level) in [(one.rule, one.level) for one in found], found
    assert all(re.fullmatch(r"line \d+", one.place) and one.why and one.fix for one in found)


@pytest.mark.parametrize("seed", ["int(time.time())", "time.time_ns() % 2**32", "os.getpid()"])
@pytest.mark.parametrize("call", ["random.seed", "np.random.seed", "torch.manual_seed", "generator.manual_seed"])
def test_source__seed_from_the_clock__named_as_such(call: str, seed: str) -> None:
    assert ("time-seed", "error") in rules(f"{call}({seed})")


@pytest.mark.parametrize(
    "line",
    [
        "random.seed(3); np.random.seed(7); torch.manual_seed(1); g = torch.Generator().manual_seed(5)",
        "x = torch.randn(3) + torch.randint(0, 5, (3,)) + random.random() + np.random.rand()",
        "for word in sorted(set(text)): pass",
        "n = len(set(text)); ok = 'a' in {'a', 'b'}; top = max(x for x in set(text))",
        "for n in {1, 2, 3}: pass",
        "words = set(text)\nwords = sorted(words)\nfor w in words: pass",
        "loader = DataLoader(data, num_workers=0, shuffle=True)",
        "loader = DataLoader(data, num_workers=2, worker_init_fn=by_sample)",
        "x = F.interpolate(a, scale_factor=2) + F.interpolate(a, scale_factor=2, mode='nearest')",
        "x.put_(index, value, accumulate=True)",
        "x = np.bincount(a); y = np.cumsum(a); z = np.median(a)",
        "for f in sorted(glob.glob('*.txt')): pass",
        "files = sorted(p for p in glob.glob('*'))",
        "x = time.strftime('%Y', day); y = time.sleep",
        "x = datetime.date(2026, 1, 1); t = batch.time()",
        "import sklearn, scipy, tensorgrid as tg",
        "m = nn.Sequential(nn.Conv2d(1, 8, 3, bias=False), nn.BatchNorm2d(8)); torch.optim.AdamW(m.parameters())",
        "m = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8)); torch.optim.AdamW(m.parameters())",
        "m = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8)); torch.optim.SGD(m.parameters(), lr=1)",
    ],
)
def test_source__what_is_repeatable__left_alone(line: str) -> None:
    assert lint(line) == []


@pytest.mark.parametrize(
    "code",
    [
        "m = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU())\nopt = torch.optim.AdamW(m.parameters())",
        "layers = [nn.Linear(4, 8), nn.BatchNorm1d(8)]\nopt = torch.optim.Adam(m.parameters())",
        """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv1 = nn.Conv2d(1, 8, 3)
                self.conv2 = nn.Conv2d(8, 8, 3, bias=False)
                self.bn1 = nn.BatchNorm2d(8)
                self.bn2 = nn.BatchNorm2d(8)
        """,
        """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.stem = nn.Conv2d(1, 8, 3)
                self.norm = nn.BatchNorm2d(8)
        """,
    ],
)
def test_source__bias_before_batch_norm_with_adam__one_finding(code: str) -> None:
    assert rules(code) == [("bias-before-norm", "warning")]


def test_source__on_a_cpu__kernels_that_only_cuda_lacks_are_no_matter() -> None:
    assert rules("x = nn.AdaptiveAvgPool2d(1); y = torch.histc(z)", gpu=False) == []
    assert rules("x = nn.MaxUnpool2d(2); z.put_(i, v)", gpu=False) != []


def test_source__a_line_that_allows_the_rule__is_not_asked() -> None:
    assert rules("x = time.time()  # tg: allow clock") == []
    assert rules("x = time.time()  # tg: allow listing") == [("clock", "warning")]


def test_source__names_come_from_imports_not_from_spelling() -> None:
    assert lint_source("from time import perf_counter as now\nx = now()")[0].rule == "clock"
    assert lint_source("def time(): return 3\nx = time()") == []


def test_source__findings_come_by_line() -> None:
    places = [found.place for found in lint("x = time.time()\n" * 12)]
    assert places == sorted(places, key=lambda place: int(place.split()[1]))


def test_tables__know_every_operation_that_this_torch_says_it_would_refuse() -> None:
    text = torch.use_deterministic_algorithms.__doc__ or ""
    start = text.rindex("will throw a", 0, text.index("In addition"))
    named = set(re.findall(r":(?:class|func):`(torch\.[\w.]+)`", text[start : text.index("In addition")]))
    known = RAISES_ON_GPU | RAISES_ANYWHERE | RAISES_SOMETIMES.keys() | {f"torch.Tensor.{name}" for name in METHODS}
    assert named and named <= known, named - known


class Block(nn.Module):
    def __init__(self, *, bias: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, bias=bias)
        self.conv2 = nn.Conv2d(8, 4, 3, bias=bias)
        self.bn1 = nn.BatchNorm2d(8)
        self.bn2 = nn.BatchNorm2d(4)
        self.tail = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.BatchNorm1d(4))


def test_module__bias_before_batch_norm__named_by_its_path() -> None:
    block = nn.Sequential(Block(bias=True))
    found = lint_module(block, torch.optim.Adam(block.parameters()))
    assert [one.place for one in found] == ["module 0.conv1", "module 0.conv2"]
    assert {one.rule for one in found} == {"bias-before-norm"} and "Adam" in found[0].why
    assert lint_module(block, torch.optim.SGD(block.parameters(), lr=1)) == []
    assert lint_module(Block(bias=False)) == []


def test_module__layer_without_a_deterministic_kernel__error_on_a_gpu_only() -> None:
    net = nn.Sequential(nn.Conv2d(1, 1, 3), nn.AdaptiveAvgPool2d(1))
    assert [(one.rule, one.level, one.place) for one in lint_module(net)] == [
        ("no-deterministic-kernel", "error", "module 1")
    ]
    assert lint_module(net, gpu=False) == []


def test_refuse__errors_with_place_and_what_to_do__warnings_pass() -> None:
    refuse(lint("x = time.time()"))
    with pytest.raises(NotRepeatable, match=r"(?s)line 8: error unseeded-random.*tg: allow"):
        refuse(lint("x = os.urandom(8)"))


def reads_the_system(n: int) -> dict[str, int]:
    import os

    return {"n": n + os.urandom(1)[0]}


def test_source__a_bundle__is_read_like_any_source() -> None:
    assert [found.rule for found in lint_source(bundle_of(reads_the_system).source)] == ["unseeded-random"]


@pytest.mark.parametrize("text", ["def", "x = (" * 300, "\0", "é" * 2_000_000, "-" * 100_000 + "1"])
def test_source__not_python_or_far_too_large__a_typed_error(text: str) -> None:
    with pytest.raises(SpecInvalid):
        lint_source(text)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=200))
def test_source__any_text__findings_or_a_typed_error(text: str | bytes) -> None:
    try:
        lint_source(text)
    except TensorgridError:
        pass


def test_pack__a_job_to_be_audited__is_linted_before_anything_leaves() -> None:
    options = JobOptions().changed(verify="audit", steps=1000)
    reader = (Identity.from_seed(b"r" * 32).recipient,)
    with pytest.raises(NotRepeatable, match="unseeded-random"):
        pack(reads_the_system, {"n": 1}, options, gpus=0, recipients=reader)
    assert pack(reads_the_system, {"n": 1}, options.changed(lint=False), gpus=0, recipients=reader).spec.tier == "audit"
    replicated = options.changed(verify="replicate")
    assert pack(reads_the_system, {"n": 1}, replicated, gpus=0, recipients=reader).spec.tier == "replicate"


@pytest.mark.parametrize(
    ("body", "level"),
    [
        ("    global seen\n    seen = x", "error"),
        ("    cache[x] = 1", "warning"),
        ("    cache.update(x)", "warning"),
        ("    own = {}\n    own[x] = 1", None),
    ],
)
def test_items__what_one_leaves_for_the_next__found(body, level):
    source = f"cache = {{}}\nseen = 0\ndef job(x):\n{body}\n    return {{}}"
    assert [one.level for one in lint_source(source, items=True)] == ([level] if level else [])
    assert not lint_source(source), "a job that is no batch is called once"
