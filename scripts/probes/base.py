"""What a probe is: an attack as source text, tried outside the sandbox first, then as a job inside."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Arena = Any
"""probes.arena.Arena: the host's side, with something worth stealing."""

HEAD = """
import ctypes, errno, mmap, os, pathlib, signal, socket, struct, subprocess, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    whole = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]  # not cut to 32 bits
    answer = libc.syscall(ctypes.c_long(number), *whole)
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer
def forked(body):
    "Run body in a child; its exception is ours. What it changes for itself ends with it."
    near, far = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            body()
            os.write(far, b"+")
        except BaseException as error:
            os.write(far, repr(error).encode()[:200])
        os._exit(0)
    os.close(far)
    said = os.read(near, 200)
    os.close(near)
    os.waitpid(pid, 0)
    if said != b"+":
        raise PermissionError(said.decode())
"""

TAIL = """
def job(**a):
    try:
        got = attempt(a)
    except BaseException as error:
        return {"denied": f"{type(error).__name__}: {error}"[:200]}
    return {"got": str(got)[:200]} if got else {"denied": "nothing to be had"}
"""


@dataclass(frozen=True, slots=True)
class Probe:
    """`body`: lines of attempt(a), which returns something true when it got what it wanted, else raises.

    `shown(arena)` asks the host, where the attempt itself cannot know; it wins over what the attempt says.
    `needs(arena)` names what this machine lacks to try it at all; `inside_needs` what the sandbox cannot do here.
    """

    name: str
    kind: str
    body: str
    arguments: Callable[[Arena], dict[str, Any]] = field(default=lambda _: {})
    shown: Callable[[Arena], bool] | None = None
    needs: Callable[[Arena], str] = field(default=lambda _: "")
    inside_needs: Callable[[Arena], str] = field(default=lambda _: "")

    def source(self) -> str:
        """A module with job(**a), JSON in and out, that runs on both sides of the wall."""
        return HEAD + "def attempt(a):\n" + textwrap.indent(textwrap.dedent(self.body).strip(), "    ") + "\n" + TAIL
