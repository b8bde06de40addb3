#!/usr/bin/env python3
"""What cheating in an audited job is worth, from the shipped parameters: docs/economics.md, its plots and its numbers.

make economics              write them
... --check                 exit code 1 when what is written differs
... --network devnet        whose parameters
"""

from __future__ import annotations

import argparse
from pathlib import Path

from economy.figures import figures
from economy.page import outputs
from economy.shipped import Shipped

DOCS = Path(__file__).resolve().parent.parent / "docs"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--network", default="devnet")
    parser.add_argument("--check", action="store_true")
    chosen = parser.parse_args()
    different = []
    for file, text in outputs(figures(Shipped.load(chosen.network)), DOCS).items():
        if file.is_file() and file.read_text(encoding="utf-8") == text:
            continue
        different.append(file.name)
        if not chosen.check:
            file.write_text(text, encoding="utf-8")
    print(f"{'differ' if chosen.check else 'written'}: {', '.join(different) or 'nothing'}")
    return 1 if chosen.check and different else 0


if __name__ == "__main__":
    raise SystemExit(main())
