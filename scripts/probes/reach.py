"""Probes of what lies outside: network, files, secrets, other processes."""

from __future__ import annotations

from probes.base import Probe

_FAR = """
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((a["host"], 80))  # asks for a way there; sends nothing
    return s.getsockname()[0]
"""
_TCP = """
    s = socket.create_connection((a["host"], a["port"]), 2)
    s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
    return s.recv(64)
"""
_READ = """
    return a["token"] in open(a["path"]).read() and "read it"
"""

NETWORK = (
    Probe("rpc-on-host-loopback", "network", _TCP, lambda x: {"host": "127.0.0.1", "port": x.tcp_port}),
    Probe("rpc-on-host-address", "network", _TCP, lambda x: {"host": x.own_address, "port": x.tcp_port},
          needs=lambda x: "" if x.own_address else "this machine has no address but loopback"),
    Probe("udp-to-host-loopback", "network", """
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.sendto(a["token"].encode(), ("127.0.0.1", a["port"]))
        time.sleep(0.05)
        return "sent"
        """, lambda x: {"port": x.udp_port, "token": x.token}, shown=lambda x: x.heard()),
    Probe("metadata-address", "network", _FAR, lambda _: {"host": "169.254.169.254"}),
    Probe("public-address", "network", _FAR, lambda _: {"host": "8.8.8.8"}),
    Probe("abstract-unix-socket", "network", """
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(2)
        s.connect("\\0" + a["name"])
        return "connected"
        """, lambda x: {"name": x.abstract_name}),
    Probe("unix-socket-file", "network", """
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(2)
        s.connect(a["path"])
        return "connected"
        """, lambda x: {"path": str(x.socket_path)}),
    Probe("netlink", "network", """
        s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        s.bind((0, 0))
        return "bound"
        """),
    Probe("vsock-to-hypervisor", "network", "return socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).fileno()"),
    Probe("kernel-crypto-socket", "network", "return socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET, 0).fileno()"),
    Probe("raw-packets", "network", "return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3).fileno()"),
    Probe("host-interfaces", "network", """
        return [n for _, n in socket.if_nameindex() if n != "lo"] or os.listdir("/sys/class/net")
        """),
)  # fmt: skip

FILES = (
    Probe("worker-key-file", "keys", _READ, lambda x: {"path": str(x.key), "token": x.token}),
    Probe("worker-key-by-proc-root", "keys", """
        for pid in ("self", "1", str(os.getppid())):
            try:
                if a["token"] in open(f"/proc/{pid}/root{a['path']}").read():
                    return "read it"
            except OSError:
                pass
        """, lambda x: {"path": str(x.key), "token": x.token}),
    Probe("key-in-inherited-descriptor", "keys", """
        for fd in os.listdir("/proc/self/fd"):
            try:
                if a["token"].encode() in os.pread(int(fd), 4096, 0):
                    return "descriptor " + fd
            except OSError:
                pass
        """, lambda x: {"token": x.token}),
    Probe("host-folder-listing", "files", "return a['name'] in os.listdir(a['folder']) and 'listed'",
          lambda x: {"folder": str(x.home), "name": x.key.name}),
    Probe("host-users", "files", "return open('/etc/passwd').readline()"),
    Probe("host-file-written", "files", "return open(a['path'], 'w').write('x')",
          lambda x: {"path": str(x.home / "written")}, shown=lambda x: x.took(x.home / "written")),
    Probe("inputs-overwritten", "files", """
        for folder in (a["folder"], "/job/in"):
            try:
                return open(folder + "/spec.json", "a").write(" ")
            except OSError:
                pass
        """, lambda x: {"folder": str(x.inputs)}),
    Probe("sys-tree", "files", "return os.listdir('/sys/kernel')"),
    Probe("kernel-settings-writable", "files", """
        os.close(os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY))
        return "opened for writing"
        """, needs=lambda x: "" if x.root else "an ordinary user may not do this outside either"),
    Probe("shared-memory-file", "memory", _READ, lambda x: {"path": str(x.shm_file), "token": x.token}),
    Probe("shared-memory-segment", "memory", """
        libc.shmat.restype = ctypes.c_void_p
        segment = libc.shmget(a["key"], 4096, 0)
        if segment < 0:
            raise OSError("no such segment")
        return ctypes.string_at(libc.shmat(segment, 0, 0), len(a["token"])).decode() == a["token"] and "read it"
        """, lambda x: {"key": x.shm_key, "token": x.token}),
)  # fmt: skip

PROCESSES = (
    Probe("secret-in-environment", "environment", """
        return any(a["token"] in value for value in os.environ.values()) and "read it"
        """, lambda x: {"token": x.token}),
    Probe("secret-in-another-environment", "proc", """
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if a["token"].encode() in open(f"/proc/{pid}/environ", "rb").read():
                    return "process " + pid
            except OSError:
                pass
        """, lambda x: {"token": x.token}),
    Probe("host-command-lines", "proc", """
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if a["mark"].encode() in open(f"/proc/{pid}/cmdline", "rb").read():
                    return "process " + pid
            except OSError:
                pass
        """, lambda x: {"mark": x.mark}),
    Probe("host-name", "proc", "return os.uname().nodename == a['name'] and 'same name'",
          lambda x: {"name": x.host_name},
          needs=lambda x: "" if x.host_name != "job" else "this machine is called job"),
    Probe("signal-to-host-process", "signals", "os.kill(a['pid'], signal.SIGUSR1)\nreturn 'sent'",
          lambda x: {"pid": x.victim()}, shown=lambda x: x.victim_died()),
    Probe("ptrace-attach", "ptrace", """
        call(101, 0x4206, a["pid"], 0, 0)  # PTRACE_SEIZE: the victim keeps running
        return "attached"
        """, lambda x: {"pid": x.victim()}, needs=lambda x: x.only_x86()),
    Probe("ptrace-own-child", "ptrace", "forked(lambda: call(101, 0, 0, 0, 0))\nreturn 'traced'",
          needs=lambda x: x.only_x86()),
    Probe("read-another-memory", "ptrace", """
        class Span(ctypes.Structure):
            _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]
        room = ctypes.create_string_buffer(64)
        near, far = Span(ctypes.addressof(room), 32), Span(a["address"], len(a["token"]))
        call(310, a["pid"], ctypes.byref(near), 1, ctypes.byref(far), 1, 0)
        return room.value.decode() == a["token"] and "read it"
        """, lambda x: {"pid": x.victim(), "address": x.victim_address, "token": x.token},
          needs=lambda x: x.only_x86()),
    Probe("survivor-of-a-double-fork", "survivors", """
        if not os.fork():
            os.setsid()
            if not os.fork():
                null = os.open("/dev/null", os.O_RDWR)
                for fd in (0, 1, 2):
                    os.dup2(null, fd)
                os.execv(sys.executable, [sys.executable, "-S", "-c", "import time; time.sleep(20)", a["mark"]])
            os._exit(0)
        os.wait()
        time.sleep(0.2)
        return "left one behind"
        """, lambda x: {"mark": x.survivor_mark}, shown=lambda x: x.survivors()),
)  # fmt: skip
