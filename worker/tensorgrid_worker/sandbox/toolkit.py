"""Whether NVIDIA's container toolkit on this machine has a known way out of a container.

Our `container` sandbox does not use its hooks; an operator's other containers do, on the machine that holds the keys.
"""

from __future__ import annotations

import re
import shutil
import subprocess

FIXED = (
    ("CVE-2024-0132", (1, 16, 2)),
    ("CVE-2025-23266", (1, 17, 8)),
    ("CVE-2025-23267", (1, 17, 8)),
    ("CVE-2026-24260", (1, 19, 1)),
)
"""First version without the fault: NVIDIA's bulletins of September 2024, July 2025 and June 2026."""
PROGRAM = "nvidia-ctk"
ANSWER_SECONDS = 10
_VERSION = re.compile(r"version\s+v?(\d+)\.(\d+)\.(\d+)")


def toolkit_problem() -> str | None:
    """A sentence that names faults and fix; None when there is no toolkit or it is new enough. Never raises."""
    program = shutil.which(PROGRAM)
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, env={}, timeout=ANSWER_SECONDS, check=False, text=True
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError) as error:
        return f"{PROGRAM} does not tell its version ({type(error).__name__}): reinstall nvidia-container-toolkit"
    found = _VERSION.search(done.stdout)
    if found is None:
        return f"{PROGRAM} does not tell its version: reinstall nvidia-container-toolkit"
    version = tuple(int(part) for part in found.groups())
    open_faults = [name for name, fixed in FIXED if version < fixed]
    if not open_faults:
        return None
    least = ".".join(map(str, max(fixed for _, fixed in FIXED)))
    shown = ".".join(map(str, version))
    return f"nvidia-container-toolkit {shown} has {', '.join(open_faults)}: upgrade it to {least} or newer"
