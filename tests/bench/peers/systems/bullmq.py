"""BullMQ on Redis that syncs its log before it answers, with one worker process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from children import child, free_port, line, listening, output
from systems import Peer
from systems.javascript import SCRIPTS, javascript_peer

DURABILITY = "submit, result"

STRICT = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")


@asynccontextmanager
async def start(home: Path) -> AsyncIterator[Peer]:
    port = str(free_port())
    server = ("redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", home, "--logfile", home / "redis-log")
    async with child(home / "log", *server, *STRICT) as redis:
        await listening(redis, int(port))
        async with child(home / "worker-log", "node", SCRIPTS / "worker.js", port) as worker:
            await line(worker)
            async with javascript_peer(await version(), home, "bullmq.js", port, workers=[worker.pid]) as peer:
                yield peer


async def version() -> str:
    bullmq = await output("node", "-p", "'BullMQ ' + require('bullmq/package.json').version")
    redis = (await output("redis-server", "--version")).split()[2].removeprefix("v=")
    return f"{bullmq}, Redis {redis}, Node {await output('node', '-p', 'process.versions.node')}"
