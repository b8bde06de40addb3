"""Would the forge tests notice? Small faults are put into the ledgers and the board, one at a time.

universalmutator makes the mutants, a warm compiler compiles them, and the real forge runs the tests against their
bytecode. A mutant that differs in comments or layout alone is none. One that compiles to the original's bytecode,
plainly or as it is shipped, is the same program and does not count. Every other survivor counts, and must be told with
a judgement in docs/verification-of-contracts.md.

    python scripts/mutation.py [--contract Escrow] [--sample 100] [--seed 1] [--jobs 2]

The sample is the first so many compiling mutants of a seeded shuffle; `--sample 0` takes all. Results are kept in
build/mutation and are not made again: run it again to go on. Exits 1 when a contract scores below 90 %, when a survivor
is not told, or when the mutant that must die lives.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import hashlib
import json
import queue
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from deep import tools  # noqa: E402 - beside this file, not installed
from deep.compiler import Compiler  # noqa: E402
from export_abi import SETTINGS  # noqa: E402

WORK = ROOT / "build" / "mutation"
DOCUMENT = ROOT / "docs" / "verification-of-contracts.md"
LEAST_SCORE = 0.90
SECONDS = 300.0  # after which a mutant that loops is dead


@dataclass(frozen=True)
class Target:
    """A contract, the files it is made of, and the tests that must notice."""

    name: str
    files: tuple[str, ...]  # the contract's own first
    tests: tuple[str, ...]  # globs, in the order in which they are tried
    canary: tuple[str, str, str]  # a fault that nothing may miss: file, text, what stands there instead
    profile: str = "default"  # of foundry.toml: the quickest settings that compile it


BOARD = ("JobBoard", "BoardBase", "Posting", "Roster", "Seating", "Outcomes", "RareCalls", "BoardRest")

TARGETS = (
    Target(
        "Escrow",
        ("contracts/core/Escrow.sol",),
        ("tests/forge/ledgers/Escrow*.t.sol",),
        ("contracts/core/Escrow.sol", "require(_free(word) >= amount,", "require(_free(word) >= 0,"),
    ),
    Target(
        "StakeVault",
        ("contracts/core/StakeVault.sol",),
        ("tests/forge/ledgers/Vault*.t.sol",),
        ("contracts/core/StakeVault.sol", "require(available >= amount,", "require(available >= 0,"),
    ),
    Target(
        "JobBoard",
        tuple(f"contracts/core/{name}.sol" for name in BOARD),
        ("tests/forge/board/*.t.sol", "tests/forge/protocol/*.t.sol"),
        ("contracts/core/Outcomes.sol", "escrowFor(terms) - paid - fee;", "escrowFor(terms) - paid;"),
    ),
)


@dataclass(frozen=True)
class Mutant:
    file: str
    line: int
    old: str
    new: str
    text: str  # of the whole file

    @property
    def key(self) -> str:
        return hashlib.sha256(f"{self.file}\0{self.text}".encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant: killed, survived, invalid (does not compile) or same (the original's bytecode)."""

    key: str
    file: str
    line: int
    old: str
    new: str
    state: str
    by: str  # the first test that failed
    tests: str  # digest of the suite that judged


# ------------------------------------------------------------------------------------------------------------- mutants


def mutants(target: Target) -> list[Mutant]:
    """Every mutant that differs in more than comments and layout, in an order that only the text decides."""
    found: dict[str, Mutant] = {}
    for file in target.files:
        original = (ROOT / file).read_text(encoding="utf-8")
        folder = WORK / "mutants" / Path(file).stem
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        subprocess.run(
            [str(tools.tool("mutate")), str(ROOT / file), "solidity", "--noCheck", "--mutantDir", str(folder)],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        for path in folder.glob("*.sol"):
            text = path.read_text(encoding="utf-8")
            meaning = essence(text)
            if meaning != essence(original) and meaning not in found:
                found[meaning] = mutant(file, original, text)
    return sorted(found.values(), key=lambda each: each.key)


def mutant(file: str, original: str, text: str) -> Mutant:
    before, after = original.splitlines(), text.splitlines()
    pairs = enumerate(zip(before, after, strict=False))
    at = next((i for i, (a, b) in pairs if a != b), min(len(before), len(after)) - 1)
    new = after[at].strip() if len(after) == len(before) else "(more lines change)"
    return Mutant(file, at + 1, before[at].strip(), new, text)


def essence(text: str) -> str:
    """Without comments and layout."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)
    return " ".join(text.split())


# --------------------------------------------------------------------------------------------------------------- judges


class Judge:
    """A copy of what forge needs, compiled once; mutants' bytecode takes the place of the original's, one at a time."""

    def __init__(self, number: int) -> None:
        self.root = WORK / f"tree-{number}"
        self.root.mkdir(parents=True, exist_ok=True)
        for name in ("contracts", "tests/forge"):
            shutil.rmtree(self.root / name, ignore_errors=True)
            shutil.copytree(ROOT / name, self.root / name)
        shutil.copy(ROOT / "foundry.toml", self.root)
        shutil.copytree(ROOT / tools.ARTIFACTS, self.root / tools.ARTIFACTS, dirs_exist_ok=True)
        modules = self.root / "node_modules"
        if not modules.is_symlink():
            modules.symlink_to(ROOT / "node_modules")
        built = tools.run_forge("build", cwd=self.root)
        if built.returncode != 0:
            raise SystemExit(f"the tree does not compile:\n{built.stdout[-3000:]}")
        self._compiler = Compiler(self.root)

    def baseline(self, target: Target) -> None:
        """Raises SystemExit unless the unchanged contract passes, with tests that really ran."""
        for tests in target.tests:
            answer = self._test(tests)
            if answer.returncode != 0 or not re.search(r"[1-9]\d* tests passed, 0 failed", answer.stdout):
                raise SystemExit(f"{target.name} fails {tests} as it is:\n{answer.stdout[-3000:]}")

    def judge(self, target: Target, each: Mutant, suite: str) -> Outcome:
        state, by = self._state(target, each)
        return Outcome(each.key, each.file, each.line, each.old, each.new, state, by, suite)

    def _state(self, target: Target, each: Mutant) -> tuple[str, str]:
        instead = {each.file: each.text}
        quick = tools.settings(target.profile)
        code = self._compiler.bytecode(target.files[0], target.name, quick, instead)
        if code is None:
            return "invalid", ""
        if code == self._compiler.bytecode(target.files[0], target.name, quick):
            return "same", ""
        artifact = self.root / tools.ARTIFACTS / f"{target.name}.json"
        kept = artifact.read_text(encoding="utf-8")
        artifact.write_text(json.dumps({**json.loads(kept), "bytecode": f"0x{code}"}), encoding="utf-8")
        try:
            by = self._killer(target)
        finally:
            artifact.write_text(kept, encoding="utf-8")
        if by is not None:
            return "killed", by
        shipped = self._compiler.bytecode(target.files[0], target.name, SETTINGS, instead)
        same = shipped == self._compiler.bytecode(target.files[0], target.name, SETTINGS)
        return ("same", "") if same else ("survived", "")

    def _killer(self, target: Target) -> str | None:
        """The first test that fails; None when all pass."""
        try:
            for tests in target.tests:
                answer = self._test(tests)
                if answer.returncode != 0:
                    failed = re.search(r"\[FAIL[^\n]*\] (\w+)\(", answer.stdout)
                    return failed.group(1) if failed else "set-up"
        except subprocess.TimeoutExpired:
            return "time"
        return None

    def _test(self, tests: str) -> subprocess.CompletedProcess[str]:
        return tools.run_forge(
            "test", "--match-path", tests, "--fail-fast", "--fuzz-seed", "1", cwd=self.root, seconds=SECONDS
        )


# -------------------------------------------------------------------------------------------------------------- results


class Results:
    """One JSON line per outcome, a file per contract. What an older suite said is kept only where it cannot change."""

    def __init__(self, target: Target, suite: str, *, trust_kills: bool) -> None:
        self.path = WORK / f"{target.name}.jsonl"
        self._known: dict[str, Outcome] = {}
        if not self.path.exists():
            return
        lasting = {"invalid", "same"} | ({"killed"} if trust_kills else set())
        for line in self.path.read_text(encoding="utf-8").splitlines():
            outcome = Outcome(**json.loads(line))
            if outcome.tests == suite or outcome.state in lasting:
                self._known[outcome.key] = outcome

    def get(self, key: str) -> Outcome | None:
        return self._known.get(key)

    def add(self, outcome: Outcome) -> None:
        if outcome.key not in self._known:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(outcome)) + "\n")
        self._known[outcome.key] = outcome


def suite_of(target: Target) -> str:
    """Digest of the tests and of the contracts that are not mutated here."""
    digest = hashlib.sha256()
    sources = [*(ROOT / "tests/forge").rglob("*.sol"), *(ROOT / "contracts").rglob("*.sol"), ROOT / "foundry.toml"]
    for path in sorted(sources):
        if str(path.relative_to(ROOT)) not in target.files:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


# ------------------------------------------------------------------------------------------------------------------ run


def judged(
    target: Target, chosen: list[Mutant], sample: int, judges: list[Judge], results: Results
) -> Iterator[Outcome]:
    """Outcomes in the order of the shuffle, until `sample` mutants have compiled to something else (0: all)."""
    suite = suite_of(target)
    free: queue.Queue[Judge] = queue.Queue()
    for judge in judges:
        free.put(judge)

    def work(each: Mutant) -> Outcome:
        known = results.get(each.key)
        if known is not None:
            return known
        judge = free.get()
        try:
            return judge.judge(target, each, suite)
        finally:
            free.put(judge)

    compiled = 0
    rest = iter(chosen)
    with concurrent.futures.ThreadPoolExecutor(len(judges)) as pool:
        running = [pool.submit(work, each) for _, each in zip(judges, rest, strict=False)]
        while running:
            outcome = running.pop(0).result()
            results.add(outcome)
            if sample and compiled == sample:
                continue  # was under way when the sample was full
            compiled += outcome.state in {"killed", "survived"}
            yield outcome
            following = next(rest, None) if not sample or compiled < sample else None
            if following is not None:
                running.append(pool.submit(work, following))


def assess(target: Target, options: argparse.Namespace, judges: list[Judge]) -> bool:
    """Run one contract's mutants, print its score and its survivors, and say whether all is well."""
    judges[0].baseline(target)
    must_die(target, judges[0])
    chosen = mutants(target)
    random.Random(options.seed).shuffle(chosen)
    results = Results(target, suite_of(target), trust_kills=options.trust_kills)
    count = dict.fromkeys(("killed", "survived", "invalid", "same"), 0)
    survivors = []
    for outcome in judged(target, chosen, options.sample, judges, results):
        count[outcome.state] += 1
        if outcome.state == "survived":
            survivors.append(outcome)
            print(f"  survived {told(outcome)}", flush=True)
        if sum(count.values()) % 100 == 0:
            print(f"  {target.name}: {count}", flush=True)
    compiled = count["killed"] + count["survived"]
    score = count["killed"] / max(compiled, 1)
    print(
        f"{target.name}: {count['killed']} of {compiled} compiling mutants killed, {score:.1%}"
        f" (tried {sum(count.values())} of {len(chosen)} mutants:"
        f" {count['invalid']} did not compile, {count['same']} are the same program)",
        flush=True,
    )
    document = DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.exists() else ""
    untold = [each for each in survivors if told(each) not in document]
    for each in untold:
        print(f"  not told in {DOCUMENT.relative_to(ROOT)}: {told(each)}")
    return score >= LEAST_SCORE and not untold


def must_die(target: Target, judge: Judge) -> None:
    """Raises SystemExit when a plain fault is not noticed: then no score would mean anything."""
    file, old, new = target.canary
    original = (ROOT / file).read_text(encoding="utf-8")
    if original.count(old) != 1:
        raise SystemExit(f"the canary of {target.name} is not in {file} once: {old}")
    outcome = judge.judge(target, mutant(file, original, original.replace(old, new)), "canary")
    if outcome.state != "killed":
        raise SystemExit(f"the canary of {target.name} {outcome.state}: the gate is dead")


def told(outcome: Outcome) -> str:
    """How a survivor is named, here and in the document."""
    return f"{Path(outcome.file).name}: `{outcome.old}` -> `{outcome.new}`"


def main() -> int:
    parser = argparse.ArgumentParser(description="Mutation score of the ledgers and the board.")
    parser.add_argument("--contract", action="append", choices=[target.name for target in TARGETS])
    parser.add_argument("--sample", type=int, default=100, help="compiling mutants per contract; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--trust-kills", action="store_true", help="believe kills of an older suite")
    options = parser.parse_args()
    judges = [Judge(number) for number in range(options.jobs)]
    wanted = [target for target in TARGETS if not options.contract or target.name in options.contract]
    good = [assess(target, options, judges) for target in wanted]
    return 0 if all(good) else 1


if __name__ == "__main__":
    raise SystemExit(main())
