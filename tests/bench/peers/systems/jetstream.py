"""NATS JetStream: file streams with one replica that sync always. A worker answers to the client's inbox, which is
not durable, and acknowledges the job."""

import asyncio
import itertools
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

import nats
from nats.aio.msg import Msg
from nats.js.api import RetentionPolicy, StorageType, StreamConfig

from children import child, free_port, line, listening, output
from systems import BATCH_JOBS, Peer, X, Y, expect, python_peer

DURABILITY = "submit"

SERVER = Path(sys.executable).with_name("nats-server")


@asynccontextmanager
async def start(home: Path) -> AsyncIterator[Peer]:
    port = free_port()
    url = f"nats://127.0.0.1:{port}"
    config = home / "nats.conf"
    store = json.dumps(str(home))
    config.write_text(f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: {store}, sync_interval: always }}\n')
    async with child(home / "log", SERVER, "-c", config) as process:
        await listening(process, port)
        connection = await nats.connect(url)
        stream = StreamConfig(storage=StorageType.FILE, num_replicas=1, allow_atomic=True)
        await connection.jetstream().add_stream(stream, name="SUBMITS", subjects=["submits"])
        jobs = StreamConfig(storage=StorageType.FILE, num_replicas=1, retention=RetentionPolicy.WORK_QUEUE)
        await connection.jetstream().add_stream(jobs, name="JOBS", subjects=["jobs"])
        async with child(home / "worker-log", sys.executable, "-m", "systems.jetstream", url) as worker:
            await line(worker)
            yield python_peer(await versions(), await ops(connection), [worker.pid])
        await connection.close()


async def versions() -> str:
    server = (await output(SERVER, "--version")).removeprefix("nats-server: v")
    return f"nats-server {server}, nats-py {version('nats-py')}"


async def ops(connection: nats.NATS) -> dict:
    stream = connection.jetstream()
    args = json.dumps({"x": X, "y": Y}).encode()
    ids = itertools.count()
    waiting: dict[str, asyncio.Future] = {}
    inbox = connection.new_inbox()

    async def result(message: Msg) -> None:
        number = message.subject.rpartition(".")[2]
        waiting.pop(number).set_result(json.loads(message.data))

    await connection.subscribe(f"{inbox}.*", cb=result)

    async def submit() -> None:
        await stream.publish("submits", args)

    async def batch() -> None:
        name = str(next(ids))
        for number in range(1, BATCH_JOBS):
            headers = {"Nats-Batch-Id": name, "Nats-Batch-Sequence": str(number)}
            await connection.publish("submits", args, headers=headers)
        commit = {"Nats-Batch-Id": name, "Nats-Batch-Sequence": str(BATCH_JOBS), "Nats-Batch-Commit": "1"}
        accepted = await stream.publish("submits", args, headers=commit)
        if accepted.batch_size != BATCH_JOBS:
            raise RuntimeError(f"a batch of {accepted.batch_size} jobs was accepted")

    async def job() -> None:
        number = str(next(ids))
        value = waiting[number] = asyncio.get_running_loop().create_future()
        # The reply subject of a publish is taken: the acknowledgement of the stream goes there.
        await stream.publish("jobs", args, headers={"Result-To": f"{inbox}.{number}"})
        expect(await value)

    return {"submit": submit, "batch": batch, "job": job}


async def work(url: str) -> None:
    connection = await nats.connect(url)

    async def run(message: Msg) -> None:
        args = json.loads(message.data)
        await connection.publish(message.headers["Result-To"], json.dumps(args["x"] + args["y"]).encode())
        await message.ack()

    await connection.jetstream().subscribe("jobs", durable="worker", cb=run, manual_ack=True)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1]))
