"""The host's side: something worth stealing, ears to be reached, a process to be harmed, and eyes that see it done."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from tensorgrid_worker import hardware
from tensorgrid_worker.sandbox import cgroups

_VICTIM = """
import ctypes, signal, sys
ctypes.CDLL(None).prctl(0x59616d61, ctypes.c_ulong(-1), 0, 0, 0)  # PR_SET_PTRACER: whoever asks
room = ctypes.create_string_buffer(sys.argv[1].encode())
print(ctypes.addressof(room), flush=True)
signal.pause()
"""
_IPC_CREAT_600, _IPC_RMID = 0o1600, 0


class Arena:
    """A context: everything it makes is gone afterwards. `token` is the secret that no job may tell."""

    def __init__(self) -> None:
        self.token = "tg-secret-" + secrets.token_hex(8)
        self.mark = "tg-host-" + secrets.token_hex(8)
        self.survivor_mark = "tg-left-" + secrets.token_hex(8)
        self.root = os.geteuid() == 0
        self.groups = cgroups.mine()
        self.host_name = os.uname().nodename
        self._stack = contextlib.ExitStack()
        self._victim: subprocess.Popen[str] | None = None
        self.victim_address = 0
        self._heard = threading.Event()

    def __enter__(self) -> Self:
        # Not below /tmp: the sandbox has its own there, and a missing name would prove too little.
        self.home = Path(tempfile.mkdtemp(prefix="tensorgrid-probes-", dir=_place()))
        self._stack.callback(shutil.rmtree, self.home, ignore_errors=True)
        self.key = self.home / "keystore.json"
        self.key.write_text(self.token)
        self.key.chmod(0o600)
        self.inputs = self.home / "in"
        self.output = self.home / "out.safetensors"
        self.shm_file = Path("/dev/shm") / self.mark  # noqa: S108 - a file that others could read
        self.shm_file.write_text(self.token)
        self._stack.callback(self.shm_file.unlink, missing_ok=True)
        self._open_ears()
        self._share_memory()
        self.terminals = Path("/dev/pts").stat().st_dev if Path("/dev/pts").exists() else -1
        nodes = [str(gpu.nodes[0]) for gpu in hardware.gpus() if gpu.nodes]
        self.gpu_node = nodes[-1] if nodes else ""
        witness = [sys.executable, "-S", "-c", "import signal; signal.pause()", self.mark]
        self._stack.callback(_end, subprocess.Popen(witness, env={"SECRET": self.token}))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._victim is not None:
            _end(self._victim)
        for pid in self._survivor_pids():
            os.kill(pid, signal.SIGKILL)
        self._stack.close()

    def only_x86(self) -> str:
        return "" if platform.machine() == "x86_64" else "written with the system call numbers of x86-64"

    def no_user_namespaces(self) -> str:
        """The mount probe may only run in a namespace of its own: it would cover the machine's folders."""
        try:
            done = subprocess.run(["unshare", "--user", "true"], capture_output=True, timeout=10, check=False)
        except OSError:
            return "the program unshare is missing"
        return "" if done.returncode == 0 else "this machine has no user namespaces to try it in"

    # ------------------------------------------------------------------------------------------------------ processes

    def victim(self) -> int:
        """A process of ours that lives until something kills it."""
        if self._victim is None or self._victim.poll() is not None:
            command = [sys.executable, "-S", "-c", _VICTIM, self.token]
            self._victim = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            assert self._victim.stdout is not None
            self.victim_address = int(self._victim.stdout.readline())
        return self._victim.pid

    def victim_died(self) -> bool:
        assert self._victim is not None
        try:
            self._victim.wait(0.3)
        except subprocess.TimeoutExpired:
            return False
        return True

    def survivors(self) -> bool:
        """Whether one was left behind; it is ended."""
        pids = self._survivor_pids()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        return bool(pids)

    def _survivor_pids(self) -> list[int]:
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if words[-2:-1] == [self.survivor_mark.encode()]:
                    found.append(int(entry.name))
        return found

    # ---------------------------------------------------------------------------------------------------------- files

    def took(self, path: Path) -> bool:
        """Whether a file appeared; it is removed."""
        there = path.exists()
        path.unlink(missing_ok=True)
        return there

    def fresh_output(self) -> None:
        self.output.unlink(missing_ok=True)
        self.output.touch(mode=0o600)

    def output_tells_key(self) -> bool:
        """A collector that opens whatever lies there would publish the key."""
        return self.output.exists() and self.token in self.output.read_text()

    def output_is_special(self) -> bool:
        return not stat.S_ISREG(self.output.lstat().st_mode)

    # -------------------------------------------------------------------------------------------------------- network

    def heard(self) -> bool:
        """Whether a datagram with the secret arrived."""
        got = self._heard.wait(0.3)
        self._heard.clear()
        return got

    def _open_ears(self) -> None:
        tcp = self._ear(socket.socket())
        tcp.bind(("0.0.0.0", 0))  # noqa: S104 - a job must not reach it by any of our addresses
        tcp.listen()
        self.tcp_port = tcp.getsockname()[1]
        threading.Thread(target=_answer, args=(tcp,), daemon=True).start()
        udp = self._ear(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        self.udp_port = udp.getsockname()[1]
        threading.Thread(target=self._listen, args=(udp,), daemon=True).start()
        self.abstract_name = self.mark
        abstract = self._ear(socket.socket(socket.AF_UNIX))
        abstract.bind("\0" + self.abstract_name)
        abstract.listen()
        self.socket_path = self.home / "socket"
        named = self._ear(socket.socket(socket.AF_UNIX))
        named.bind(str(self.socket_path))
        named.listen()
        self.own_address = _own_address()

    def _ear(self, made: socket.socket) -> socket.socket:
        self._stack.callback(made.close)
        return made

    def _listen(self, ear: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                if self.token.encode() in ear.recv(256):
                    self._heard.set()

    def _share_memory(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.shmat.restype = ctypes.c_void_p
        self.shm_key = secrets.randbelow(1 << 30) + 1
        segment = libc.shmget(self.shm_key, 4096, _IPC_CREAT_600)
        if segment >= 0:
            self._stack.callback(libc.shmctl, segment, _IPC_RMID, None)
            address = libc.shmat(segment, 0, 0)
            ctypes.memmove(address, self.token.encode(), len(self.token))
            libc.shmdt(ctypes.c_void_p(address))


def _place() -> Path:
    for folder in (Path.home(), Path("/var/tmp"), Path.cwd()):  # noqa: S108 - a folder of our own in it
        if os.access(folder, os.W_OK):
            return folder
    return Path(tempfile.gettempdir())


def _own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(("192.0.2.1", 9))  # TEST-NET: nothing is sent
        except OSError:
            return ""
        return str(asked.getsockname()[0])


def _answer(ear: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            with ear.accept()[0] as met:
                met.sendall(b"HTTP/1.0 200 OK\r\n\r\nrpc")


def _end(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()
