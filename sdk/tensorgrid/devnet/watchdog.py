"""Run by its path with `python -I -S`, standard library only: ends a devnet's processes when the devnet itself is gone.

    watchdog.py                 guard: reads "+ID" and "-ID" lines, process groups to watch; ends them at end of input
    watchdog.py gate PROGRAM .. gate: waits for one line on its input, then becomes PROGRAM; without the line it ends

The gate closes the moment between a child's birth and its registration: a child that nobody watches never starts.
Pipes end with their writer however it dies, which a signal handler or an `atexit` function cannot see, and, unlike a
parent-death signal, they do not depend on which thread started the child.
"""

from __future__ import annotations

import os
import signal
import sys
import time

GRACE_SECONDS = 3.0


def guard() -> None:
    groups: set[int] = set()
    for line in sys.stdin.buffer:
        sign, number = line[:1], line[1:].strip()
        if number.isdigit() and int(number) > 1:
            (groups.add if sign == b"+" else groups.discard)(int(number))
    end(groups)


def end(groups: set[int]) -> None:
    """Ask, wait a little, then insist."""
    left = {group for group in groups if send(group, signal.SIGTERM)}
    give_up = time.monotonic() + GRACE_SECONDS
    while left and time.monotonic() < give_up:
        time.sleep(0.05)
        left = {group for group in left if send(group, 0)}
    for group in left:
        send(group, signal.SIGKILL)


def send(group: int, number: int) -> bool:
    """Whether the group was there."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def gate(command: list[str]) -> None:
    if not sys.stdin.buffer.readline():
        sys.exit(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.execv(command[0], command)  # noqa: S606 - a list, no shell


if __name__ == "__main__":
    if sys.argv[1:2] == ["gate"]:
        gate(sys.argv[2:])
    else:
        guard()
