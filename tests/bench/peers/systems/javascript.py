"""Clients in JavaScript: a process that takes loads as lines on stdin, and says on stdout what it measured."""

import json
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from children import child, line
from measure import Loop
from systems import Peer

SCRIPTS = Path(__file__).parents[1] / "js"


@asynccontextmanager
async def javascript_peer(
    version: str, home: Path, script: str, *args: str, workers: list[int] | None = None
) -> AsyncIterator[Peer]:
    async with child(home / "client-log", "node", SCRIPTS / script, *args, stdin=PIPE) as process:
        names = frozenset((await line(process)).split())

        async def load(op: str, in_flight: int, seconds: float) -> Loop:
            process.stdin.write(json.dumps({"op": op, "inFlight": in_flight, "seconds": seconds}).encode() + b"\n")
            return Loop(**json.loads(await line(process)))

        yield Peer(version, names, load, process.pid, workers or [])
