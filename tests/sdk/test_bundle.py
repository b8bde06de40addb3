"""What travels of a function: what it reaches by name, in its own words, and nothing else of its module."""

from __future__ import annotations

import functools
import importlib.util
import linecache
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorgrid import bundle as module
from tensorgrid.bundle import Bundle, bundle_of
from tensorgrid.domain.errors import FunctionNotPortable

_count = iter(range(10**6))


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A module from source, imported as a user's script would be."""

    def make(source: str, name: str | None = None) -> ModuleType:
        name = name or f"users_module_{next(_count)}"
        path = tmp_path / f"{name}.py"
        path.write_text(source, encoding="utf-8")
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec
        assert spec.loader
        loaded = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, loaded)
        spec.loader.exec_module(loaded)
        return loaded

    return make


def run(bundle: Bundle, *args: Any, **kwargs: Any) -> Any:
    """As the runner does: the bundle alone, in a namespace of its own."""
    names: dict[str, Any] = {"__name__": "bundle"}
    exec(compile(bundle.source, "bundle.py", "exec"), names)
    return names[bundle.entry](*args, **kwargs)


SCRIPT = '''"""A user's script."""
from __future__ import annotations
import json, os
import math as m
from collections import (
    OrderedDict,
    defaultdict,
)
import tensorgrid as tg
try:
    import no_such_package_anywhere as fast
except ImportError:
    fast = None

PASSWORD = "hunter2"
WIDTH = 3  # three
TABLE = {}
for key in range(3):
    TABLE[key] = key * WIDTH
CONFIG: dict[str, int] = {"a": 1}
CONFIG["b"] = 2
os.environ["API_KEY_OF_THE_USER"] = PASSWORD
print("side effect")


def plain(function):
    return function


class Base:
    size = WIDTH


class Net(Base):
    def forward(self, x: Unknown): return helper(x) + self.size


@plain
def helper(x, y=m.floor(2.5)):
    # a remark inside
    return x * TABLE[1] + CONFIG["b"] + y


@tg.job(
    budget="5 USDC",
)
@plain
def train(epochs: int, run=None) -> dict[str, Ghost]:
    """What it does."""
    tg.report(epoch=epochs)
    os.getcwd()
    return {"value": Net().forward(epochs), "order": list(OrderedDict(a=fast))}


class Submitted:
    def __init__(self): raise SystemExit("submitted again")


if __name__ == "__main__":
    run = Submitted()
    results = [train.submit(epochs=3)]
'''


class TestReduction:
    def test_the_whole_picture(self, load) -> None:
        bundle = bundle_of(load(SCRIPT).train)
        text = bundle.source.decode()
        assert bundle.entry == "train"
        assert run(bundle, 4) == {"value": 4 * 3 + 2 + 2 + 3, "order": ["a"]}
        for kept in (
            "# a remark inside",
            '"""What it does."""',
            "import math as m",
            "@plain\ndef train(epochs",
            "CONFIG: dict",
        ):
            assert kept in text
        for dropped in (
            "hunter2",
            "API_KEY",
            "side effect",
            "Submitted",
            "submit",
            "json",
            "defaultdict",
            "@tg.job",
            "script",
        ):
            assert dropped not in text
        assert text.startswith("from __future__ import annotations\n")

    def test_equal_sources_give_equal_bytes(self, load) -> None:
        assert bundle_of(load(SCRIPT).train) == bundle_of(load("\n\n# moved\n" + SCRIPT).train)

    def test_a_script_never_submits_inside_the_sandbox(self, tmp_path: Path) -> None:
        """The bundle of a script that submits at its top level, made while that script runs."""
        script = tmp_path / "script.py"
        script.write_text(
            "import sys\n"
            "from tensorgrid.bundle import bundle_of\n"
            "import tensorgrid as tg\n"
            "LIMIT = 2\n"
            "@tg.job(budget='5 USDC')\n"
            "def train(epochs): return {'n': epochs * LIMIT}\n"
            "run = sys.stdout.write(bundle_of(train).source.decode())\n"
        )
        done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
        assert done.stdout == "LIMIT = 2\n\n\ndef train(epochs): return {'n': epochs * LIMIT}\n"

    @pytest.mark.parametrize(
        "decorator",
        [
            "import tensorgrid as tg\n@tg.job()",
            "import tensorgrid\n@tensorgrid.job(budget='1 USDC')",
            "from tensorgrid import job\n@job()",
            "from tensorgrid import job as buy\n@buy()",
            "import tensorgrid.decorators\n@tensorgrid.decorators.job(\n  wall=9,\n)",
        ],
    )
    def test_every_spelling_of_the_job_decorator_stays_here(self, load, decorator: str) -> None:
        bundle = bundle_of(load(f"{decorator}\ndef f(x):\n    return x\n").f)
        assert bundle.source == b"def f(x):\n    return x\n"

    @pytest.mark.parametrize(
        ("source", "value"),
        [
            ("def f(): return g()\ndef g(): return h\nh = 5\n", 5),
            ("A = 1\nA = A + 1\ndef f(): return A\n", 2),
            ("A, (B, *C) = 1, (2, 3)\ndef f(): return A, B, C\n", (1, 2, [3])),
            ("def f(n=3): return 1 if n == 0 else n * f(n - 1)\n", 6),
            (
                (
                    "def even(n): return n == 0 or odd(n - 1)\ndef odd(n): return n > 0 and even(n - 1)\n"
                    "def f(): return even(4)\n"
                ),
                True,
            ),
            ("import os.path\nimport os\ndef f(): return os.path.join('a', 'b')\n", "a/b"),
            ("N = 0\ndef up():\n    global N\n    N += 1\n    return N\ndef f(): return up() + up()\n", 3),
            ("def set():\n    global M\n    M = 7\ndef f():\n    set()\n    return M\n", 7),
            ("class A:\n    x = 1\nclass B(A):\n    y = A.x\ndef f(): return B().y\n", 1),
            ("size = 4\nclass A:\n    size = size\ndef f(): return A.size\n", 4),
            ("import functools\n@functools.lru_cache\ndef g(): return 8\ndef f(): return g()\n", 8),
            ("square = lambda x: x * x\ndef f(): return square(3)\n", 9),
            ("X = 2\ndef f(): return [X for X in range(3)], X\n", ([0, 1, 2], 2)),
            (
                (
                    "import sys\nif sys.version_info > (3,):\n    def g(): return 1\nelse:\n    def g(): return 2\n"
                    "def f(): return g()\n"
                ),
                1,
            ),
            ("with open(__import__('os').devnull) as null:\n    EMPTY = null.read()\ndef f(): return EMPTY\n", ""),
            ("a = 1; run = 1 / a; b = 2\ndef f(): return b\n", 2),
            ("TEXT = '''\n  def f(): pass\n'''\ndef f(): return TEXT\n", "\n  def f(): pass\n"),
            ("# ünïcödé\nÄ = 'ß'\ndef f(): return Ä + 'é'  # ☃\n", "ßé"),
            ("A = 1 \x0c\nB = 2\ndef f(): return B\n", 2),
            ("from math import *\ndef f(): return floor(2.5)\n", 2),
            ("def f(): return bool(__name__)\n", True),
            ("def f(*, a=1, **more): return a\n", 1),
            ("if (n := 10) > 5:\n    pass\ndef f(): return n\n", 10),
            (
                (
                    "def outer():\n    return inner()\n"
                    "def inner():\n    x = 1\n    def closure(): return x\n    return closure()\nf = outer\n"
                ),
                1,
            ),
            (
                (
                    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from nowhere import T\n"
                    "def f(x: 'T' = 1): return x\n"
                ),
                1,
            ),
        ],
        ids=range(25),
    )
    def test_means_the_same_as_here(self, load, source: str, value: Any) -> None:
        function = load(source).f
        assert function() == value
        assert run(bundle_of(function)) == value

    def test_local_names_do_not_pull_in_module_level_ones(self, load) -> None:
        source = "run = 1\nresult = 2\ndef f(run):\n    result = run\n    return [result for result in [result]]\n"
        assert bundle_of(load(source).f).source.startswith(b"def f(run)")

    def test_the_definition_that_counts_is_the_functions_own(self, load) -> None:
        loaded = load("def f(): return 1\nfirst = f\ndef f(): return 2\n")
        assert run(bundle_of(loaded.first)) == 1
        assert run(bundle_of(loaded.f)) == 2

    def test_wrapping_it_afterwards_changes_nothing(self, load) -> None:
        loaded = load("import tensorgrid as tg\ndef f(): return 1\nf = tg.job()(f)\n")
        assert bundle_of(loaded.f).source == b"def f(): return 1\n"

    def test_other_decorators_of_the_entry_travel(self, load) -> None:
        source = (
            "import functools\nimport tensorgrid as tg\n"
            "def twice(function):\n"
            "    @functools.wraps(function)\n"
            "    def inner(*args): return 2 * function(*args)\n"
            "    return inner\n"
            "@tg.job()\n@twice\ndef f(x): return x\n"
        )
        function = load(source).f
        assert run(bundle_of(function), 4) == function(4) == 8

    def test_a_function_in_a_block_keeps_its_text(self, load) -> None:
        source = "K = 1\nif K:\n    def f(x):\n        return x + '''\n  margin'''\n"
        assert run(bundle_of(load(source).f), "a") == "a\n  margin"

    def test_a_function_of_a_test_without_closure(self) -> None:
        def local(x: int) -> dict:
            return {"x": functools.reduce(max, [x, 2])}

        assert run(bundle_of(local), 1) == {"x": 2}

    def test_helpers_that_are_jobs_still_run(self, load) -> None:
        source = (
            "import tensorgrid as tg\n@tg.job()\ndef inner(x): return {'x': x}\n"
            "@tg.job()\ndef outer(x): return inner.local(x)\n"
        )
        assert run(bundle_of(load(source).outer), 3) == {"x": 3}


class TestNotPortable:
    @pytest.mark.parametrize(
        ("source", "words"),
        [
            ("f = lambda: 1\n", "lambda"),
            ("class A:\n    def f(self): pass\nf = A.f\n", "method"),
            ("class A:\n    def f(self): pass\nf = A().f\n", "plain function"),
            ("class A:\n    @staticmethod\n    def f(): pass\nf = A.f\n", "method"),
            (
                "def make():\n    x = 1\n    def f(): return x\n    return f\nf = make()\n",
                "uses x of an enclosing function",
            ),
            ("async def f(): pass\n", "async"),
            ("async def f(): yield 1\n", "async"),
            ("def f(): yield 1\n", "yields"),
            ("class f: pass\n", "plain function"),
            ("f = len\n", "plain function"),
            ("import functools\nf = functools.partial(print)\n", "plain function"),
            ("def f(): return nowhere\n", "uses nowhere, which its module does not define"),
            ("def g(): return nowhere\ndef f(): return g()\n", "uses nowhere"),
            ("def f(): return open(__file__)\n", "uses __file__"),
            ("import users_helpers\ndef f(): return users_helpers.x\n", "imports users_helpers, a file of yours"),
            ("def f():\n    from users_helpers import x\n    return x\n", "imports users_helpers, a file of yours"),
            ("def f():\n    from . import x\n    return x\n", "imports from its own package"),
            ("exec('def f(): return 1')\n", "not at hand"),
            ("if __name__ != '__main__':\n    X = object()\ndef f(): return X\n", "a object that has no source"),
        ],
        ids=range(19),
    )
    def test_says_what_to_do_instead(self, load, source: str, words: str) -> None:
        load("x = 1\n", "users_helpers")
        with pytest.raises(FunctionNotPortable, match=words):
            bundle_of(load(source).f)

    def test_more_than_a_mebibyte(self, load, monkeypatch: pytest.MonkeyPatch) -> None:
        big = load(f"DATA = '{'x' * (1 << 20)}'\ndef f(): return DATA\n")
        with pytest.raises(FunctionNotPortable, match="pass data as arrays"):
            bundle_of(big.f)

    def test_a_file_that_changed_since_it_was_imported(self, load) -> None:
        loaded = load("def f():\n    return 1\n")
        Path(loaded.__file__).write_text("\n\n\nX = 1\n")
        linecache.checkcache()
        with pytest.raises(FunctionNotPortable, match="changed"):
            bundle_of(loaded.f)

    @pytest.mark.parametrize("thing", [None, 1, "f", object()])
    def test_no_function_at_all(self, thing: Any) -> None:
        with pytest.raises(FunctionNotPortable, match="plain function"):
            bundle_of(thing)


class Notebook:
    """Cells share one namespace, and each is a file of its own to Python; as IPython does it."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"__name__": "__main__"}

    def cell(self, source: str) -> None:
        name = f"<cell {next(_count)}>"
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        exec(compile(source, name, "exec"), self.names)


class TestNotebook:
    def test_names_of_other_cells_travel_by_value(self) -> None:
        book = Notebook()
        book.cell("import math\nimport os.path as osp\nfrom collections import OrderedDict as OD\nimport json as j\n")
        book.cell("RATE = 0.5\nSIZES = (1, [2, {'a': None}])\nimport random\n")
        book.cell("def helper(x):\n    # remark\n    return x * RATE + offset()\n")
        book.cell("def offset(): return math.floor(1.5)\n")
        book.cell("class Base:\n    def get(self): return SIZES\n")
        book.cell("class Net(Base):\n    def go(self, x): return helper(x), self.get(), OD(a=1), osp.sep, j.dumps(1)\n")
        book.cell("def train(x): return Net().go(x)\nrun = 1 / 1\n")
        bundle = bundle_of(book.names["train"])
        assert run(bundle, 4) == (3.0, (1, [2, {"a": None}]), {"a": 1}, "/", "1")
        text = bundle.source.decode()
        assert "# remark" in text
        assert "random" not in text
        assert "run =" not in text
        assert text.index("class Base") < text.index("class Net") < text.index("def train")
        assert bundle_of(book.names["train"]) == bundle

    def test_the_last_definition_counts(self) -> None:
        book = Notebook()
        book.cell("def helper(): return 1\n")
        book.cell("def f(): return helper()\n")
        book.cell("def helper(): return 2\n")
        assert run(bundle_of(book.names["f"])) == 2

    def test_jobs_of_other_cells(self) -> None:
        book = Notebook()
        book.cell("import tensorgrid as tg\n")
        book.cell("@tg.job()\ndef inner(): return {'x': 1}\n")
        book.cell("@tg.job()\ndef outer(): return inner.local()\n")
        assert run(bundle_of(book.names["outer"])) == {"x": 1}

    @pytest.mark.parametrize(
        ("cell", "words"),
        [
            ("X = object()\n", "a object that has no source; pass it as an argument"),
            ("X = float('nan')\n", "a float that has no source"),
            ("X = {1, 2}\n", "a set that has no source"),
            ("X = 'x' * 70000\n", "a str that has no source"),
            ("def g(): return 1\nX = g\n", "X is another name of g"),
            ("X = lambda: 1\n", "another name"),
        ],
        ids=range(6),
    )
    def test_values_without_source(self, cell: str, words: str) -> None:
        book = Notebook()
        book.cell(cell)
        book.cell("def f(): return X\n")
        with pytest.raises(FunctionNotPortable, match=words):
            bundle_of(book.names["f"])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(st.integers(0, 7), max_size=3), min_size=1, max_size=8), st.integers(0, 7))
def test_exactly_what_is_reached_travels(calls: list[list[int]], start: int) -> None:
    """Functions that name each other at random: the bundle holds the reachable ones, each once, in order."""
    start %= len(calls)
    calls = [[target % len(calls) for target in targets] for targets in calls]
    source = "".join(
        f"def f{n}(): return {n}, {', '.join(f'f{t}' for t in targets)}\n" for n, targets in enumerate(calls)
    )
    book = Notebook()
    book.cell(source)
    reached, todo = set(), [start]
    while todo:
        if (n := todo.pop()) not in reached:
            reached.add(n)
            todo += calls[n]
    text = bundle_of(book.names[f"f{start}"]).source.decode()
    assert [int(line[5]) for line in text.splitlines() if line] == sorted(reached)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_constant_travels_unchanged(value: str) -> None:
    book = Notebook()
    book.cell(f"A = {value!r}\ndef f(): return A\n")
    assert run(bundle_of(book.names["f"])) == value
    other = Notebook()
    other.cell(f"A = {value!r}\n")
    other.cell("def f(): return A\n")
    assert run(bundle_of(other.names["f"])) == value


def test_nothing_heavy_is_imported() -> None:
    program = "import sys, tensorgrid.bundle; sys.exit(bool({'torch', 'numpy', 'web3', 'pyrage'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_public_names() -> None:
    assert module.__all__ == ["Bundle", "bundle_of"]
