"""ipyparallel: a controller and two engines; jobs over a load-balanced view, calls over a direct one."""

import asyncio
import operator
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

import ipyparallel

from systems import Peer, X, Y, expect, python_peer

# Waiting in asyncio for a result costs this client no more than `apply_sync` does.
DURABILITY = "none"

ENGINES = 2


@asynccontextmanager
async def start(home: Path) -> AsyncIterator[Peer]:
    os.environ["IPYTHONDIR"] = str(home)
    cluster = ipyparallel.Cluster(n=ENGINES, profile_dir=str(home / "profile"), controller_ip="127.0.0.1", log_level=40)
    async with cluster as client:
        engines = client[:].apply_sync(os.getpid)
        yield python_peer(f"ipyparallel {version('ipyparallel')}", ops(client), engines)


def ops(client: ipyparallel.Client) -> dict:
    balanced, direct = client.load_balanced_view(), client[0]

    async def job() -> None:
        expect(await asyncio.wrap_future(balanced.apply_async(operator.add, X, Y)))

    async def call() -> None:
        expect(await asyncio.wrap_future(direct.apply_async(operator.add, X, Y)))

    return {"job": job, "call": call}
