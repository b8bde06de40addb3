"""The process inside the sandbox: limits itself, seeds everything, runs the job's function, writes its payload.

Its arguments, as `launch.words` writes them: output_bytes, threads and limits (of limits.apply), the folder of inputs,
the file of the output, and a process to die with. The file "call" among the inputs says which function is called with
what.

Imports little: what it imports, every job pays for. No json, which draws in re and enum, no typing, no contextlib; the
others only where they are used. What it is told comes from the worker, and holds plain values.
"""

from __future__ import annotations

import errno
import gc
import os
import sys

from tensorgrid_worker.runtime import determinism, launch, limits, plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

EXIT_OK, EXIT_RAISED, EXIT_MEMORY, EXIT_TOO_LARGE = 0, 10, 12, 13
CONTROL_FD = "TENSORGRID_CONTROL_FD"
SEED = "TENSORGRID_JOB_SEED"
MODULE = "tensorgrid_job"
PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> int:
    """Run one job; the exit code says how it ended (EXIT_*)."""
    told, inputs, output, parent = launch.of_words(argv)
    if parent:
        _die_with(parent)
    limits.apply(**told["limits"])
    determinism.apply(bytes.fromhex(os.environ[SEED].removeprefix("0x")), told["threads"])
    _announce()
    try:
        payload = _payload(inputs, output, told)
        if len(payload) > told["output_bytes"]:
            print(f"the result has {len(payload)} bytes, {told['output_bytes']} are allowed", file=sys.stderr)
            return EXIT_TOO_LARGE
        with open(output, "wb") as file:
            file.write(payload)
        return EXIT_OK
    except BaseException as error:
        limits.release_spare()
        memory = is_memory(error)
        _print_trace(error)
        return EXIT_MEMORY if memory else EXIT_RAISED


def _die_with(parent: int) -> None:
    """Where no sandbox does it: be killed when the worker is. Linux alone can promise that."""
    if sys.platform == "linux":
        import ctypes
        import signal

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(EXIT_RAISED)  # it died while we started
        # A machine out of memory kills us before the worker.
        try:
            with open("/proc/self/oom_score_adj", "w") as file:
                file.write("1000")
        except OSError:
            pass


def _announce() -> None:
    """Tell the worker that the job's own time begins, then close the line: nothing the job does can speak on it."""
    control = int(os.environ.pop(CONTROL_FD))
    os.write(control, b"started\n")
    os.close(control)


def _payload(inputs: str, output: str, told: dict[str, Any]) -> bytes:
    call = launch.read_call(inputs)
    tracer = None
    if "trace" in told:  # an audited job
        from tensorgrid_worker.runtime import trace

        tracer = trace.begin(output, told["output_bytes"], call["roots"])
    if call["batch"] is not None:
        from tensorgrid_worker.runtime import batch, shared

        return batch.run(_entry(inputs, call), shared.Shared(inputs, call), call["batch"], inputs, tracer)
    values = {name: _load(inputs, name, kind) for name, kind in call["inputs"].items()}
    returned = _entry(inputs, call)(**call["arguments"], **values)
    if tracer is not None:
        return tracer.finish()
    packed = plain.packed(returned)
    if packed is not None:
        return packed
    from tensorgrid.domain.arrays import pack_result  # after the job: its import is not the job's time

    return pack_result(returned)


def _entry(inputs: str, call: dict[str, Any]) -> Any:
    """The job's function."""
    import importlib.util

    spec = importlib.util.spec_from_file_location(MODULE, f"{inputs}/bundle.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE] = module
    spec.loader.exec_module(module)
    return getattr(module, call["entry"])


def _load(inputs: str, name: str, kind: str) -> Any:
    path = f"{inputs}/inputs/{name}.safetensors"
    if kind == "torch":
        import safetensors.torch

        return safetensors.torch.load_file(path)["value"]
    import safetensors.numpy

    return safetensors.numpy.load_file(path)["value"]


def is_memory(error: BaseException) -> bool:
    """Whether memory ran out; torch says so in words."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    text = str(error) if isinstance(error, RuntimeError) else ""
    return "DefaultCPUAllocator" in text and "memory" in text


def _print_trace(error: BaseException) -> None:
    """The job's own frames first: those of this file tell a requester nothing."""
    import traceback

    frame = error.__traceback__
    while frame is not None and frame.tb_frame.f_code.co_filename == __file__:
        frame = frame.tb_next
    gc.collect()
    traceback.print_exception(type(error), error, frame)


def _leave(code: int) -> NoReturn:
    """At once: exit handlers and left-over threads of the job have no say in how it ended."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # noqa: S110 - the job may have closed or replaced it
            pass
    os._exit(code)


def start() -> NoReturn:
    """What the sandbox's interpreter calls."""
    _leave(main(sys.argv[1:]))
