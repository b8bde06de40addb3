#!/usr/bin/env python3
"""Who gets the work, when and for how much, under each scheduler: the tables of docs/scheduling.md.

python scripts/simulate_schedulers.py    write them
... --check                              exit code 1 when what is written differs
"""

from __future__ import annotations

import argparse
from pathlib import Path

from market.page import MARK, tables

PAGE = Path(__file__).resolve().parent.parent / "docs" / "scheduling.md"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--check", action="store_true")
    chosen = parser.parse_args()
    written = PAGE.read_text(encoding="utf-8")
    wanted = written.partition(MARK)[0] + tables()
    if written == wanted:
        print("as written")
        return 0
    if chosen.check:
        print("docs/scheduling.md differs; run `python scripts/simulate_schedulers.py`")
        return 1
    PAGE.write_text(wanted, encoding="utf-8")
    print("docs/scheduling.md: written")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
