"""Dask: a cluster of one worker process with two threads, and beside its scheduler a server of remote calls."""

import asyncio
import operator
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from distributed import Client, LocalCluster
from distributed.comm import Comm
from distributed.core import Server, rpc

from children import child, line
from systems import Peer, X, Y, expect, python_peer

DURABILITY = "none"


@asynccontextmanager
async def start(home: Path) -> AsyncIterator[Peer]:
    async with child(home / "log", sys.executable, "-m", "systems.dask", home) as process:
        scheduler, server = (await line(process)).split()
        async with Client(scheduler, asynchronous=True) as client, rpc(server) as remote:
            workers = (await client.run(os.getpid)).values()
            yield python_peer(f"Dask {version('distributed')}", ops(client, remote), list(workers))


def ops(client: Client, remote: rpc) -> dict:
    async def job() -> None:
        expect(await client.submit(operator.add, X, Y, pure=False))

    async def call() -> None:
        expect(await remote.add(x=X, y=Y))

    return {"job": job, "call": call}


async def add(comm: Comm, x: int, y: int) -> int:
    return x + y


async def serve(home: str) -> None:
    options = {"dashboard_address": None, "host": "127.0.0.1", "local_directory": home, "asynchronous": True}
    async with LocalCluster(n_workers=1, threads_per_worker=2, processes=True, **options) as cluster:
        server = Server({"add": add})
        await server
        await server.listen("tcp://127.0.0.1:0")
        print(cluster.scheduler_address, server.address, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
