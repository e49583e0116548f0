"""beanstalkd, with a client and a worker on its text protocol. A worker answers by a job in a second tube."""

import asyncio
import itertools
import json
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from children import child, free_port, line, listening, output
from systems import Peer, X, Y, expect, python_peer

DURABILITY = "submit, result"


@asynccontextmanager
async def start(home: Path) -> AsyncIterator[Peer]:
    port = free_port()
    server = ("beanstalkd", "-l", "127.0.0.1", "-p", str(port), "-b", home, "-f0")
    async with child(home / "log", *server) as process:
        await listening(process, port)
        async with child(home / "worker-log", sys.executable, "-m", "systems.beanstalkd", str(port)) as worker:
            await line(worker)
            submits, jobs, replies = [await connect(port) for _ in range(3)]
            await submits.use("submits")
            await jobs.use("jobs")
            await replies.watch("replies")
            waiting: dict[int, asyncio.Future] = {}
            reader = asyncio.create_task(read(replies, waiting))
            yield python_peer(await output("beanstalkd", "-v"), ops(submits, jobs, waiting), [worker.pid])
            reader.cancel()


class Connection:
    """Commands may be pipelined: the server answers them in their order."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.waiting: deque[tuple[asyncio.Future, str]] = deque()
        self.answers = asyncio.create_task(self.read())

    async def read(self) -> None:
        while header := await self.reader.readline():
            word, *values = header.decode().split()
            body = await self.reader.readexactly(int(values[1]) + 2) if word == "RESERVED" else b""
            answer, expected = self.waiting.popleft()
            if word == expected:
                answer.set_result((values, body))
            else:
                answer.set_exception(RuntimeError(header.decode()))

    def ask(self, command: str, expected: str, body: bytes | None = None) -> asyncio.Future:
        answer = asyncio.get_running_loop().create_future()
        self.waiting.append((answer, expected))
        self.writer.write(f"{command}\r\n".encode() + (b"" if body is None else body + b"\r\n"))
        return answer

    async def use(self, tube: str) -> None:
        await self.ask(f"use {tube}", "USING")

    async def watch(self, tube: str) -> None:
        await self.ask(f"watch {tube}", "WATCHING")
        await self.ask("ignore default", "WATCHING")

    def put(self, body: bytes) -> asyncio.Future:
        return self.ask(f"put 0 0 60 {len(body)}", "INSERTED", body)

    async def reserve(self) -> tuple[str, dict]:
        values, body = await self.ask("reserve", "RESERVED")
        return values[0], json.loads(body)

    def delete(self, job: str) -> asyncio.Future:
        return self.ask(f"delete {job}", "DELETED")


async def connect(port: int) -> Connection:
    return Connection(*await asyncio.open_connection("127.0.0.1", port))


async def read(replies: Connection, waiting: dict[int, asyncio.Future]) -> None:
    while True:
        job, reply = await replies.reserve()
        waiting.pop(reply["id"]).set_result(reply["value"])
        await replies.delete(job)


def ops(submits: Connection, jobs: Connection, waiting: dict[int, asyncio.Future]) -> dict:
    ids = itertools.count()

    async def submit() -> None:
        await submits.put(json.dumps({"x": X, "y": Y}).encode())

    async def job() -> None:
        number = next(ids)
        result = waiting[number] = asyncio.get_running_loop().create_future()
        await jobs.put(json.dumps({"id": number, "x": X, "y": Y}).encode())
        expect(await result)

    return {"submit": submit, "job": job}


async def work(port: int) -> None:
    connection = await connect(port)
    await connection.watch("jobs")
    await connection.use("replies")
    print("ready", flush=True)
    while True:
        job, request = await connection.reserve()
        await connection.put(json.dumps({"id": request["id"], "value": request["x"] + request["y"]}).encode())
        # Not waited for: the next answer of this connection comes after it.
        connection.delete(job)


if __name__ == "__main__":
    asyncio.run(work(int(sys.argv[1])))
