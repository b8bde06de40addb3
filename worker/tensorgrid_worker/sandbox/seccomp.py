"""The system calls that a job has no business with, as a BPF program for bubblewrap's --seccomp."""

from __future__ import annotations

import errno
import os
import socket
import tempfile
from typing import Any

# Debugging and reading other processes, mounts, namespaces, kernel keys and modules, tracing, io_uring, clocks.
DENIED = """
ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd
mount umount2 pivot_root chroot fsopen fsconfig fsmount fspick open_tree move_mount mount_setattr
unshare setns add_key request_key keyctl bpf perf_event_open userfaultfd
io_uring_setup io_uring_enter io_uring_register
init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff acct quotactl syslog
open_by_handle_at name_to_handle_at iopl ioperm modify_ldt personality lookup_dcookie nfsservctl uselib vhangup
settimeofday clock_settime clock_adjtime adjtimex sethostname setdomainname fanotify_init
""".split()
ALLOWED_FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6)
NAMESPACE_FLAGS = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
TIOCSTI, TIOCLINUX = 0x5412, 0x541C


def program() -> bytes | None:
    """The filter, or None where libseccomp or its Python binding is missing."""
    try:
        import pyseccomp
    except (ImportError, OSError, RuntimeError):
        return None
    rules = pyseccomp.SyscallFilter(defaction=pyseccomp.ALLOW)
    refused = pyseccomp.ERRNO(errno.EPERM)
    for name in DENIED:
        _add(rules, refused, name)
    for family in range(socket.AF_INET6):
        if family not in ALLOWED_FAMILIES:
            _add(rules, pyseccomp.ERRNO(errno.EAFNOSUPPORT), "socket", pyseccomp.Arg(0, pyseccomp.EQ, family))
    beyond = pyseccomp.Arg(0, pyseccomp.GT, int(socket.AF_INET6))
    _add(rules, pyseccomp.ERRNO(errno.EAFNOSUPPORT), "socket", beyond)
    for flag in NAMESPACE_FLAGS:
        _add(rules, refused, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, flag, flag))
    # Its flags lie in memory, out of a filter's sight; ENOSYS sends libc back to clone.
    _add(rules, pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    for request in (TIOCSTI, TIOCLINUX):
        _add(rules, refused, "ioctl", pyseccomp.Arg(1, pyseccomp.MASKED_EQ, 0xFFFFFFFF, request))
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()


def engine_profile() -> dict[str, Any]:
    """The same rules in the words of podman and docker (--security-opt seccomp=FILE)."""
    no_family = {"action": "SCMP_ACT_ERRNO", "errnoRet": int(errno.EAFNOSUPPORT)}
    refused = {"action": "SCMP_ACT_ERRNO", "errnoRet": int(errno.EPERM)}
    rules: list[dict[str, Any]] = [{"names": DENIED} | refused]
    strange = [family for family in range(socket.AF_INET6) if family not in ALLOWED_FAMILIES]
    rules += [{"names": ["socket"], "args": [_argument(0, one, "SCMP_CMP_EQ")]} | no_family for one in strange]
    rules.append({"names": ["socket"], "args": [_argument(0, int(socket.AF_INET6), "SCMP_CMP_GT")]} | no_family)
    for flag in NAMESPACE_FLAGS:
        masked = _argument(0, flag, "SCMP_CMP_MASKED_EQ") | {"valueTwo": flag}
        rules.append({"names": ["clone"], "args": [masked]} | refused)
    rules.append({"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": int(errno.ENOSYS)})
    for request in (TIOCSTI, TIOCLINUX):
        masked = _argument(1, 0xFFFFFFFF, "SCMP_CMP_MASKED_EQ") | {"valueTwo": request}
        rules.append({"names": ["ioctl"], "args": [masked]} | refused)
    return {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules}


def _argument(index: int, value: int, operation: str) -> dict[str, Any]:
    return {"index": index, "value": value, "op": operation}


def as_descriptor(bpf: bytes) -> int:
    """An anonymous file that holds the program, at its start; the caller closes it."""
    descriptor = os.memfd_create("seccomp")
    os.write(descriptor, bpf)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _add(rules: Any, action: Any, name: str, *arguments: Any) -> None:
    try:
        rules.add_rule(action, name, *arguments)
    except (OSError, ValueError):
        if name in ("socket", "clone", "ptrace", "mount", "unshare"):
            raise
        # An older libseccomp may not know the newest names; a kernel call it cannot name, it cannot filter.
