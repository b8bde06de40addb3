"""Probes of what a job may do to the kernel, to the machine's means, and to whoever collects its output."""

from __future__ import annotations

from probes.base import Arena, Probe

MIB = 1 << 20
MANY = 400
"""Processes that the fork bomb tries; the harness allows PROCESSES inside."""
HOG_MIB, HOGS = 640, 6
DISK_MIB = 96


def _memory_group(arena: Arena) -> str:
    return "" if arena.groups.limits("memory") else "no memory cgroup here: limits are per process (docs/sandbox.md)"


def _process_limit(arena: Arena) -> str:
    bound = not arena.root or arena.groups.limits("pids")
    return "" if bound else "root without a pids cgroup: `run` refuses such a machine unless allow_root = true"


KERNEL = (
    Probe("user-namespace", "namespaces", "forked(lambda: call(272, 0x10000000))\nreturn 'unshared'",
          needs=lambda x: x.only_x86()),
    Probe("user-namespace-by-clone", "namespaces", """
        pid = call(56, 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)
        if not pid:
            os._exit(0)
        os.waitpid(pid, 0)
        return "cloned"
        """, needs=lambda x: x.only_x86()),
    Probe("mount", "mounts", """
        def body():
            try:
                call(272, 0x10000000 | 0x20000)  # outside this succeeds, and nobody else sees the mount
            except OSError:
                pass
            if libc.mount(b"none", b"/tmp", b"tmpfs", 0, None):
                raise OSError(ctypes.get_errno(), "mount")
        forked(body)
        return "mounted"
        """, needs=lambda x: x.only_x86() or x.no_user_namespaces()),
    Probe("device-node", "dev", """
        folder = a["folder"] if os.path.isdir(a["folder"]) else "/tmp"
        os.mknod(folder + "/null", 0o600 | 0o020000, os.makedev(1, 3))
        return "made"
        """, lambda x: {"folder": str(x.home)}, shown=None,
        needs=lambda x: "" if x.root else "an ordinary user may not do this outside either"),
    Probe("host-devices", "dev", """
        for name in ("kmsg", "mem", "kvm", "fuse", "net/tun", "vda", "sda", "nvme0n1", "loop-control", "rtc0", "ptmx"):
            if name == "ptmx" and a["ptmx"] == os.stat("/dev/pts").st_dev:
                return "the host's terminals"
            try:
                os.close(os.open("/dev/" + name, os.O_RDONLY | os.O_NONBLOCK)) if name != "ptmx" else None
                if name != "ptmx":
                    return name
            except OSError:
                pass
        """, lambda x: {"ptmx": x.terminals}),
    Probe("neighbours-gpu", "gpu", """
        return os.close(os.open(a["node"], os.O_RDWR)) is None and "opened"
        """, lambda x: {"node": x.gpu_node}, needs=lambda x: "" if x.gpu_node else "this machine has no GPU"),
    Probe("setuid-program", "setuid", """
        gains = "NoNewPrivs:\\t0" in open("/proc/self/status").read()
        for folder in ("/usr/bin", "/bin", "/usr/sbin"):
            for entry in os.scandir(folder):
                found = entry.stat(follow_symlinks=False)
                if found.st_mode & 0o4000 and found.st_uid == 0 and gains:
                    return entry.path + " may raise us"
        """),
    Probe("io-uring", "io_uring", """
        return os.close(call(425, 1, ctypes.byref(ctypes.create_string_buffer(256)))) is None and "a ring"
        """, needs=lambda x: x.only_x86()),
    Probe("perf-events", "kernel", """
        room = ctypes.create_string_buffer(128)
        struct.pack_into("IIQ", room, 0, 1, 112, 0)  # software event: cpu clock
        struct.pack_into("Q", room, 40, (1 << 5) | (1 << 6))  # neither kernel nor hypervisor
        return call(298, ctypes.byref(room), 0, -1, -1, 0)
        """, needs=lambda x: x.only_x86()),
    Probe("kernel-keyring", "kernel", "return call(248, b'user', b'tensorgrid-probe', b'x', 1, -1)",
          needs=lambda x: x.only_x86()),
    Probe("bpf-map", "kernel", """
        return call(321, 0, ctypes.byref(ctypes.create_string_buffer(struct.pack("IIII", 2, 4, 4, 1), 128)), 128)
        """, needs=lambda x: x.only_x86()),
    Probe("userfaultfd", "kernel", "return call(323, 1 | os.O_CLOEXEC)", needs=lambda x: x.only_x86()),
    Probe("file-handles", "kernel", """
        room = ctypes.create_string_buffer(struct.pack("Ii", 128, 0), 256)
        call(303, -100, a["path"].encode(), ctypes.byref(room), ctypes.byref(ctypes.c_int()), 0)
        return "a handle of " + a["path"]
        """, lambda _: {"path": "/usr"}, needs=lambda x: x.only_x86()),
    Probe("personality", "kernel", "return call(135, 0xffffffff) >= 0 and 'asked'", needs=lambda x: x.only_x86()),
)  # fmt: skip

MEANS = (
    Probe("fork-bomb", "fork bomb", f"""
        pids = []
        try:
            for _ in range({MANY}):
                pid = os.fork()
                if not pid:
                    time.sleep(20)
                    os._exit(0)
                pids.append(pid)
            return f"{{len(pids)}} processes"
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        """, inside_needs=_process_limit),
    Probe("memory-hog", "memory", f"return len(bytearray({HOG_MIB} << 20))"),
    Probe("memory-of-many-processes", "memory", f"""
        near, far = os.pipe()
        pids = []
        try:
            for _ in range({HOGS}):
                pid = os.fork()
                if not pid:
                    hoard = b"x" * ({HOG_MIB // HOGS} << 20)
                    os.write(far, b"+")
                    time.sleep(20)
                    os._exit(0)
                pids.append(pid)
            os.close(far)
            got = b""
            while len(got) < {HOGS}:
                more = os.read(near, 8)
                got += more
                if not more or os.waitpid(-1, os.WNOHANG)[0]:
                    raise MemoryError("one was killed")
            return "all of it"
        finally:
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
        """, inside_needs=_memory_group),
    *(
        Probe(name, "disk", f"""
        folder = {places}
        names = [f"{{folder}}/big{{number}}" for number in range({DISK_MIB // 8})]  # each smaller than one file may be
        try:
            for name in names:
                with open(name, "wb") as file:
                    file.write(bytes(8 << 20))
        finally:
            for name in filter(os.path.exists, names):
                os.unlink(name)
        return "{DISK_MIB} MiB"
        """, lambda x: {"folder": str(x.home)})
        for name, places in (
            ("disk-in-tmp", "a['folder'] if os.path.isdir(a['folder']) else '/tmp'"),
            ("disk-in-shared-memory", "'/dev/shm'"),
        )
    ),
    Probe("disk-by-the-root-folder", "disk", """
        folder = a["folder"] if os.path.isdir(a["folder"]) else "/"
        return open(folder + "/root-big", "wb").write(bytes(1 << 20))
        """, lambda x: {"folder": str(x.home)}),
)  # fmt: skip


def _replaced(how: str) -> str:
    return f"""
        path = a["output"] if os.path.exists(a["output"]) else "/job/out/payload.safetensors"
        os.unlink(path)
        {how}
        os._exit(0)
        """


OUTPUTS = (
    Probe("output-symlink-to-key", "outputs", _replaced('os.symlink(a["key"], path)'),
          lambda x: {"output": str(x.output), "key": str(x.key)}, shown=lambda x: x.output_tells_key()),
    Probe("output-hardlink-to-key", "outputs", _replaced('os.link(a["key"], path)'),
          lambda x: {"output": str(x.output), "key": str(x.key)}, shown=lambda x: x.output_tells_key()),
    Probe("output-pipe", "pipes", _replaced("os.mkfifo(path)"),
          lambda x: {"output": str(x.output)}, shown=lambda x: x.output_is_special()),
    Probe("output-device", "outputs", _replaced('os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))'),
          lambda x: {"output": str(x.output)}, shown=lambda x: x.output_is_special(),
          needs=lambda x: "" if x.root else "an ordinary user may not do this outside either"),
    Probe("archive-walks-up", "archives", """
        import io, tarfile
        trusting = {"filter": "fully_trusted"} if hasattr(tarfile, "data_filter") else {}  # as it was before filters
        room = io.BytesIO()
        with tarfile.open(fileobj=room, mode="w") as made:
            made.addfile(tarfile.TarInfo("../" * 12 + a["target"].lstrip("/")))
        room.seek(0)
        folder = a["folder"] if os.path.isdir(a["folder"]) else "/tmp"
        tarfile.open(fileobj=room).extractall(folder, **trusting)
        return "unpacked"
        """, lambda x: {"folder": str(x.home), "target": str(x.home / "walked")},
        shown=lambda x: x.took(x.home / "walked")),
    Probe("archive-link-then-file", "archives", """
        import io, tarfile
        trusting = {"filter": "fully_trusted"} if hasattr(tarfile, "data_filter") else {}  # as it was before filters
        room = io.BytesIO()
        with tarfile.open(fileobj=room, mode="w") as made:
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.SYMTYPE, a["home"]
            made.addfile(link)
            made.addfile(tarfile.TarInfo("link/linked"))
        room.seek(0)
        import tempfile
        tarfile.open(fileobj=room).extractall(tempfile.mkdtemp(), **trusting)
        return "unpacked"
        """, lambda x: {"home": str(x.home)}, shown=lambda x: x.took(x.home / "linked")),
)  # fmt: skip
