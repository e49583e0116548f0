"""One module for each system. It has `DURABILITY`, what is on disk once it is told to the client, and `start`, which
starts the system on an empty directory and gives a `Peer`. The operations of a peer are

- `submit`: accept a job and say so once it is durable; nothing runs the job,
- `batch`: the same for `BATCH_JOBS` jobs with one request,
- `job`: submit a job that adds two numbers, run it, and have its result at the client,
- `call`: add two numbers elsewhere, without a job.
"""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from measure import Loop, Once, closed_loop

X, Y, SUM = 10, 20, 30
BATCH_JOBS = 64


@dataclass
class Peer:
    """A running system with a client: `load(op, in_flight, seconds)` puts it under load."""

    version: str
    ops: frozenset[str]
    load: Callable[[str, int, float], Awaitable[Loop]]
    client: int
    workers: list[int] = field(default_factory=list)


def python_peer(version: str, ops: dict[str, Once], workers: list[int] | None = None) -> Peer:
    """The client is this process."""

    async def load(op: str, in_flight: int, seconds: float) -> Loop:
        return await closed_loop(ops[op], in_flight, seconds)

    return Peer(version, frozenset(ops), load, os.getpid(), workers or [])


def expect(value: object) -> None:
    """No figure for a wrong answer."""
    if value != SUM:
        raise RuntimeError(f"{X} + {Y} = {value}")
