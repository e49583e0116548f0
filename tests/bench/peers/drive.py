"""One system, one round, in a process of its own: drive.py NAME SECONDS DIRECTORY prints what it measured as JSON."""

import asyncio
import json
import sys
from importlib import import_module
from pathlib import Path

from measure import cpu, sync_rate
from systems import BATCH_JOBS, Peer

# Submits come last: what they leave behind is not in the way of jobs.
LOADS = [("call", 1), ("call", 64), ("job", 1), ("job", 64), ("submit", 1), ("batch", 1), ("submit", 64)]
WARM_SECONDS = 0.5
SYNC_SECONDS = 0.5
LOAD_SECONDS_MORE = 60


async def drive(name: str, seconds: float, home: Path) -> dict:
    system = import_module(f"systems.{name}")
    sync = sync_rate(home / "sync", SYNC_SECONDS)
    async with system.start(home) as peer:
        loads = [load for load in LOADS if load[0] in peer.ops]
        cells = {f"{op} {in_flight}": await cell(peer, op, in_flight, seconds) for op, in_flight in loads}
    return {"version": peer.version, "durability": system.DURABILITY, "sync": sync, "cells": cells}


async def cell(peer: Peer, op: str, in_flight: int, seconds: float) -> dict[str, float]:
    async with asyncio.timeout(seconds + LOAD_SECONDS_MORE):
        await peer.load(op, in_flight, WARM_SECONDS)
        before = cpu(peer.client, peer.workers)
        loop = await peer.load(op, in_flight, seconds)
        spent = cpu(peer.client, peer.workers).since(before)
    count = loop.count * (BATCH_JOBS if op == "batch" else 1)
    return {
        "rate": count / loop.seconds,
        "p50_millis": loop.p50_millis,
        "client_share": spent.client / loop.seconds,
        "client_micros": spent.client / count * 1e6,
        "worker_micros": spent.workers / count * 1e6,
        "server_micros": spent.servers / count * 1e6,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(drive(sys.argv[1], float(sys.argv[2]), Path(sys.argv[3])))))
