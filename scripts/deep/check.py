"""The deep checks of the contracts, one by one: what `make test-deep` runs.

    python scripts/deep/check.py [canaries] [forge] [coverage] [symbolic] [slither]

canaries  what must fail fails: a unit test, a fuzz test, an invariant, a symbolic property, a finding of slither
forge     every test in tests/forge against the bytecode that is shipped, with the figures of profile `deep`
coverage  lines and branches of contracts/ (without contracts/test) that tests/forge reaches
symbolic  the properties in tests/forge/symbolic, for all inputs
slither   nothing of high or medium impact beyond what slither_triage.toml gives a reason for
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from deep import tools  # in scripts, which is not installed

BUILD = tools.ROOT / "build" / "forge"
TRIAGE = Path(__file__).with_name("slither_triage.toml")
LEAST_LINES, LEAST_BRANCHES = 0.98, 0.95
LEAST_PROPERTIES = 10
CANARIES = "tests/forge/canary/*"
CANARY = "tests/forge/canary/Reentrancy.sol"  # named, because of a whole project slither leaves the tests out


class Failed(Exception):
    """A check that did not hold, in words."""


# --------------------------------------------------------------------------------------------------------------- forge


def passed(answer: subprocess.CompletedProcess[str]) -> int:
    """How many tests passed. Raises Failed when one failed, or when none was run."""
    total = re.search(r"(\d+) tests passed, (\d+) failed, (\d+) skipped \(\d+ total", answer.stdout)
    if answer.returncode != 0 or total is None or total.group(2) != "0" or total.group(3) != "0":
        raise Failed(f"forge exited {answer.returncode}:\n{answer.stdout[-4000:]}")
    if int(total.group(1)) == 0:
        raise Failed("forge ran no test")
    return int(total.group(1))


def forge() -> str:
    return f"{passed(tools.run_forge('test', profile='deep'))} tests"


def failing(profile: str = "default") -> set[str]:
    """The canary tests that forge says have failed. Raises Failed when forge did not exit with an error."""
    answer = tools.run_forge("test", "--match-path", CANARIES, "--no-match-path", "none", profile=profile)
    if answer.returncode == 0:
        raise Failed("forge exits 0 although tests fail: npm's launcher in place of the program?")
    names = set(re.findall(r"\b(\w+_canary_\w+)\(", answer.stdout))
    return {name for name in names if not re.search(rf"\[PASS\] {name}\(", answer.stdout)}


def canaries() -> str:
    must = {"test_canary_mustFail", "test_canary_fuzzMustFail", "invariant_canary_mustFail"}
    if failing() != must:
        raise Failed(f"these canaries must fail: {must}; these did: {failing()}")
    answer = halmos("CanarySymbolic")
    if answer.returncode == 0 or not re.search(r"\[FAIL\] check_canary_mustBeRefuted", answer.stdout):
        raise Failed(f"halmos did not refute what is false:\n{answer.stdout[-2000:]}")
    if not any(each["check"] == "reentrancy-eth" for each in findings(CANARY, "tests/forge/canary/", "contracts")):
        raise Failed("slither does not find the reentrancy that was put before it")
    return f"{len(must) + 2} canaries fail"


# ------------------------------------------------------------------------------------------------------------ coverage


def coverage() -> str:
    report = BUILD / "coverage.info"
    arguments = ("coverage", "--report", "lcov", "--report-file", str(report))
    passed(tools.run_forge(*arguments, profile="coverage", from_source=True))
    lines, branches = reached(report.read_text(encoding="utf-8"))
    told = f"{lines:.2%} of lines, {branches:.2%} of branches"
    if lines < LEAST_LINES or branches < LEAST_BRANCHES:
        raise Failed(f"{told}; wanted are {LEAST_LINES:.0%} and {LEAST_BRANCHES:.0%}")
    return told


def reached(lcov: str) -> tuple[float, float]:
    """Shares of lines and branches of our contracts. Prints every contract with a gap."""
    sums = dict.fromkeys(("LF", "LH", "BRF", "BRH"), 0)
    for record in lcov.split("end_of_record"):
        file = re.search(r"^SF:(contracts/.*)$", record, re.MULTILINE)
        if file is None or file.group(1).startswith("contracts/test/"):
            continue
        own = {name: int(re.findall(rf"^{name}:(\d+)$", record, re.MULTILINE)[0]) for name in sums}
        for name, value in own.items():
            sums[name] += value
        if own["LF"] > own["LH"] or own["BRF"] > own["BRH"]:
            missed = re.findall(r"^DA:(\d+),0$", record, re.MULTILINE)
            sides = re.findall(r"^BRDA:(\d+),\d+,\d+,(?:0|-)$", record, re.MULTILINE)
            print(f"  {file.group(1)}: lines {missed}, branches at {sorted(set(sides), key=int)}")
    if not sums["LF"]:
        raise Failed("the report covers none of our contracts")
    return sums["LH"] / sums["LF"], sums["BRH"] / sums["BRF"]


# ------------------------------------------------------------------------------------------------------------ symbolic


def halmos(contract: str, *options: str) -> subprocess.CompletedProcess[str]:
    out = tools.out("symbolic")
    answer = subprocess.run(
        [tools.tool("halmos"), "--root", tools.ROOT, "--forge-build-out", out, "--contract", contract, *options],
        cwd=tools.ROOT,
        env=tools.environment("symbolic"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    answer.stdout = re.sub(r"\x1b\[[0-9;]*m", "", answer.stdout)  # it colours whatever it is told
    return answer


def symbolic() -> str:
    proved = 0
    for file in sorted((tools.ROOT / "tests/forge/symbolic").glob("*.symbolic.sol")):
        text = file.read_text(encoding="utf-8")
        for contract in re.findall(r"^contract (\w+)", text, re.MULTILINE):
            wanted = len(re.findall(r"function check_", text))
            options = re.findall(r"^/// halmos: (.+)$", text, re.MULTILINE)
            answer = halmos(contract, *(word for line in options for word in line.split()), *solver(text))
            good = re.findall(r"\[PASS\] (check_\w+)", answer.stdout)
            if answer.returncode != 0 or len(good) != wanted:
                raise Failed(f"{contract}: {len(good)} of {wanted} properties proved\n{answer.stdout[-3000:]}")
            print(f"  {contract}: {', '.join(good)}", flush=True)
            proved += len(good)
    if proved < LEAST_PROPERTIES:
        raise Failed(f"{proved} properties are fewer than {LEAST_PROPERTIES}")
    return f"{proved} properties proved"


def solver(text: str) -> tuple[str, ...]:
    """Products and quotients want integers: cvc5, called through a small program of ours."""
    if "cvc5" not in text:
        return ()
    program = f"{tools.DEEP_TOOLS / 'bin' / 'python'} {Path(__file__).with_name('cvc5_integers.py')}"
    return ("--solver-command", program)


# ------------------------------------------------------------------------------------------------------------- slither


def findings(target: str, keep: str, leave: str) -> list[dict[str, Any]]:
    """Slither's findings of high and medium impact in a file or a whole project, as {check, where, text}."""
    report = BUILD / "slither.json"
    report.unlink(missing_ok=True)
    # It looks for these in absolute paths, and the checkout may lie in a folder of any name.
    left = "|".join(f"{re.escape(str(tools.ROOT))}/{folder}" for folder in ("node_modules", "contracts/test", leave))
    subprocess.run(
        [
            tools.tool("slither"),
            target,
            "--json",
            report,
            "--filter-paths",
            left,
            "--exclude-low",
            "--exclude-informational",
            "--exclude-optimization",
        ],
        cwd=tools.ROOT,
        env=tools.environment("slither"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,  # it exits with the number of findings
    )
    if not report.exists():
        raise Failed("slither made no report")
    answer = json.loads(report.read_text(encoding="utf-8"))
    if not answer["success"]:
        raise Failed(f"slither: {answer['error']}")
    return [named(each) for each in answer["results"].get("detectors", []) if keep in json.dumps(each["elements"])]


def named(finding: dict[str, Any]) -> dict[str, Any]:
    first = finding["elements"][0]
    fields = first.get("type_specific_fields", {})
    own = str(fields.get("signature", first["name"])).partition("(")[0]
    return {
        "check": finding["check"],
        "where": f"{fields.get('parent', {}).get('name', '')}.{own}",
        "text": finding["description"].strip(),
    }


def slither() -> str:
    triage = tomllib.loads(TRIAGE.read_text(encoding="utf-8"))["finding"]
    judged = {(each["check"], each["where"]) for each in triage}
    if any(len(each["reason"]) < 20 for each in triage):
        raise Failed(f"{TRIAGE.name} has an entry without a reason")
    found = findings(".", "contracts/", "tests/forge")
    new = [each for each in found if (each["check"], each["where"]) not in judged]
    if new:
        told = "\n".join(f"{each['check']} at {each['where']}: {each['text']}" for each in new)
        raise Failed(f"{len(new)} findings without a judgement in {TRIAGE.name}:\n{told}")
    gone = judged - {(each["check"], each["where"]) for each in found}
    if gone:
        raise Failed(f"{TRIAGE.name} judges what is no longer found: {sorted(gone)}")
    return f"{len(found)} findings of high or medium impact, each with a judgement"


CHECKS: dict[str, Callable[[], str]] = {
    "canaries": canaries,
    "forge": forge,
    "coverage": coverage,
    "symbolic": symbolic,
    "slither": slither,
}


def main() -> int:
    wanted = sys.argv[1:] or list(CHECKS)
    if not set(wanted) <= set(CHECKS):
        raise SystemExit(f"{__doc__}")
    bad = 0
    for name in wanted:
        start = time.monotonic()
        try:
            told = CHECKS[name]()
        except Failed as error:
            bad += 1
            told = f"FAILED: {error}"
        print(f"{name}: {told} ({time.monotonic() - start:.0f} s)", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
