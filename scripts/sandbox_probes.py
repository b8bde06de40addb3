#!/usr/bin/env python3
"""Try to break out of the sandbox: each attack first without it, then as a job. `make sandbox-probes`.

    python scripts/sandbox_probes.py [--sandbox auto|bubblewrap|container|none] [--output build/bench/sandbox.json]

Works as root and as an ordinary user, and harms nothing: what is bounded in the probes stays bounded when it succeeds.
Exits 0 when everything was refused, 1 when something got through or a probe is broken, 2 without a sandbox.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from probes.harness import PROBES, Report, attack
from tensorgrid.domain.errors import SandboxUnavailable
from tensorgrid_worker.sandbox.choose import KINDS, sandbox_of

ROOT = Path(__file__).resolve().parent.parent
EXIT_ESCAPED, EXIT_NONE = 1, 2


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sandbox", choices=["auto", *KINDS], default="auto")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench" / "sandbox.json")
    parser.add_argument("--only", nargs="*", metavar="NAME", help="these probes alone")
    wanted = parser.parse_args()
    try:
        sandbox = sandbox_of(wanted.sandbox)
    except SandboxUnavailable as error:
        print(f"tensorgrid: {error}", file=sys.stderr)
        return EXIT_NONE
    report = attack(sandbox, [probe for probe in PROBES if not wanted.only or probe.name in wanted.only])
    _print(report)
    wanted.output.parent.mkdir(parents=True, exist_ok=True)
    wanted.output.write_text(json.dumps(report.to_json(), indent=2) + "\n")
    return EXIT_ESCAPED if report.named("escaped") or report.named("broken") else 0


def _print(report: Report) -> None:
    print(report.sandbox)
    for row in report.rows:
        print(f"  {row.status:8} {row.name:32} {row.inside[:90]}")
    figures = report.to_json()
    print(
        f"{figures['tried']} tried (each succeeded outside first), {figures['escaped']} escaped, "
        f"{len(figures['broken'])} broken, {len(figures['skipped'])} skipped"
    )


if __name__ == "__main__":
    sys.exit(main())
