"""What is bought in the story about crashes: work that takes its time, and a job that tries to get out."""

from __future__ import annotations

from typing import Any


def patient_primes(below: int, seconds: int) -> dict[str, Any]:
    """All primes below `below`, after `seconds` of thinking."""
    import time

    time.sleep(seconds)
    sieve = [True] * below
    for number in range(2, int(below**0.5) + 1):
        for multiple in range(number * number, below, number):
            sieve[multiple] = False
    return {"primes": [number for number in range(2, below) if sieve[number]]}


def escape(port: int, purse: str, secrets: list[str], mark: str) -> dict[str, Any]:
    """Every way out that it knows; "got out" where one worked, else what stopped it.

    port: of the node on the host's loopback, which gives coin to anybody who asks; purse: whom it would give it to;
    secrets: files of the host; mark: a file that it would leave there.
    """
    import json
    import os
    import socket
    import time
    from pathlib import Path

    def ask_the_node() -> None:
        request = {"jsonrpc": "2.0", "id": 1, "method": "anvil_setBalance", "params": [purse, "0xffff"]}
        body = json.dumps(request).encode()
        head = (
            f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\nContent-Type: application/json\r\n"
        )
        with socket.create_connection(("127.0.0.1", port), timeout=3) as wire:
            wire.sendall(head.encode() + b"\r\n\r\n" + body)
            wire.recv(100)

    def call_home() -> None:
        socket.create_connection(("169.254.169.254", 80), timeout=3).close()

    def read_a_key() -> None:
        if not any(Path(path).read_bytes() for path in secrets):
            raise FileNotFoundError

    def read_the_environment_of_others() -> None:
        mine = {os.getpid(), os.getppid()}
        others = [entry for entry in Path("/proc").glob("[0-9]*") if int(entry.name) not in mine]
        if not any((entry / "environ").read_bytes() for entry in others):
            raise FileNotFoundError

    def leave_a_mark() -> None:
        Path(mark).write_text("was here")

    def outlive_the_job() -> None:
        if os.fork() == 0:  # twice, with a session of its own: nobody's child
            os.setsid()
            if os.fork() == 0:
                time.sleep(600)
            os._exit(0)

    def attempt(way: Any) -> str:
        try:
            way()
        except BaseException as error:
            return f"stopped: {type(error).__name__}"
        return "got out"

    ways = (ask_the_node, call_home, read_a_key, read_the_environment_of_others, leave_a_mark)
    found = {way.__name__.replace("_", " "): attempt(way) for way in ways}
    attempt(outlive_the_job)  # whether it lives on is for the host to say
    return found
