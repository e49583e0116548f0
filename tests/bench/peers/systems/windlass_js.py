"""Ours with a client in JavaScript, to compare with BullMQ."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from systems import Peer, windlass
from systems.javascript import javascript_peer

DURABILITY = windlass.DURABILITY


@asynccontextmanager
async def start(home: Path) -> AsyncIterator[Peer]:
    version = await windlass.version()
    async with (
        windlass.broker(home) as (url, token),
        javascript_peer(version, home, "windlass.js", url, token, windlass.PAUSED) as peer,
    ):
        yield peer
