"""A worker that lies: the ordinary daemon, with its finished payload swapped for a wrong one. For demo and tests alone.

`python -m tensorgrid.demo.liar run --config worker.toml` takes the arguments of `tensorgrid-worker`. All else about it
is honest: it takes, runs, seals, commits and reveals like the others, and its receipt says that all went well.
"""

from __future__ import annotations

from tensorgrid.domain.payload import Payload, pack_payload


def wrong_payload(payload: bytes) -> bytes:
    """The same file with the bits of its first tensor turned over: a model that looks trained and is not.

    A payload without tensors gets its JSON replaced. Raises ResultRejected for what is no payload.
    """
    honest = Payload.parse(payload)
    tensors = {t.name: (t.dtype, t.shape, bytes(t.data)) for t in honest.tensors}
    victim = next((t for t in honest.tensors if t.dtype != "BOOL" and len(t.data)), None)
    if victim is None:
        return pack_payload(tensors, {"lie": True})
    tensors[victim.name] = (victim.dtype, victim.shape, bytes(byte ^ 0xFF for byte in victim.data))
    return pack_payload(tensors, honest.json)


def main() -> None:
    """Run the worker's own command line with the one function replaced."""
    from tensorgrid_worker import cli
    from tensorgrid_worker.jobs import executor

    executor.finish_payload = wrong_payload
    cli.main()


if __name__ == "__main__":
    main()
