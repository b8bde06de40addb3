"""The first process in a container: opens the pipes that the worker listens on, runs the runner, reaps, and reports.

Arguments: FD=PATH ..., `--`, those of the runner. Exits with the runner's status, 128 + signal when one ended it. Not
the runner itself: the kernel spares a first process the signals of its limits.
"""

from __future__ import annotations

import os
import sys

from tensorgrid_worker.runtime.launch import ENTRY


def main(argv: list[str]) -> int:
    """Raises OSError when a pipe is missing."""
    split = argv.index("--")
    for text in argv[:split]:
        number, _, path = text.partition("=")
        opened = os.open(path, os.O_WRONLY)
        os.dup2(opened, int(number))
        if opened != int(number):
            os.close(opened)
    child = os.fork()
    if not child:
        os.execv(sys.executable, [sys.executable, "-s", "-P", "-c", ENTRY, *argv[split + 1 :]])  # noqa: S606
    for text in argv[:split]:
        os.close(int(text.partition("=")[0]))  # the line ends when the job's end does
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
