"""Ours: `windlass serve` with the demo plugin, and a client with `websockets`."""

import asyncio
import itertools
import json
import os
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect

from children import child, line, output
from systems import BATCH_JOBS, Peer, X, Y, expect, python_peer

DURABILITY = "submit, result"

TARGET = Path(__file__).resolve().parents[4] / "target"
BINARY = Path(os.environ.get("WINDLASS_BIN", TARGET / "release/windlass"))
DEMO = TARGET / "guest/wasm32-wasip2/guest/plugin_demo.wasm"
HANDLER, ARGS = "demo/add", {"x": X, "y": Y}
PAUSED = "submits"


@asynccontextmanager
async def start(home: Path) -> AsyncIterator[Peer]:
    async with broker(home) as (url, token):
        headers = {"Authorization": f"Bearer {token}"}
        async with connect(url.replace("http", "ws", 1) + "/v1/ws", additional_headers=headers) as socket:
            yield python_peer(await version(), ops(Client(socket)))


@asynccontextmanager
async def broker(home: Path) -> AsyncIterator[tuple[str, str]]:
    """Its URL and token. Jobs of one queue stay where they are, for `submit`."""
    if not (BINARY.is_file() and DEMO.is_file()):
        raise SystemExit(f"run `cargo build --release` first: it makes {BINARY} and {DEMO}")
    data = home / "data"
    async with child(home / "log", BINARY, "serve", "--bind", "127.0.0.1:0", "--data", data) as process:
        url = (await line(process)).removeprefix("windlass listening on ")
        token = (data / "token").read_text().strip()
        ask(url, token, "PUT", "/v1/plugins/demo", DEMO.read_bytes())
        ask(url, token, "POST", f"/v1/queues/{PAUSED}/pause")
        yield url, token


def ask(url: str, token: str, method: str, path: str, body: bytes | None = None) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    urllib.request.urlopen(urllib.request.Request(url + path, body, headers, method=method)).close()


async def version() -> str:
    return await output(BINARY, "--version")


class Client:
    """Requests over one WebSocket; the answers may come in any order."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.ids = itertools.count()
        self.waiting: dict[int, asyncio.Future] = {}
        self.reader = asyncio.create_task(self.read())

    async def read(self) -> None:
        async for text in self.socket:
            frame = json.loads(text)
            self.waiting.pop(frame["id"]).set_result(frame)

    async def ask(self, op: str, **parameters: object) -> dict:
        number = next(self.ids)
        answer = self.waiting[number] = asyncio.get_running_loop().create_future()
        await self.socket.send(json.dumps({"op": op, "id": number, **parameters}))
        frame = await answer
        if frame["op"] == "error":
            raise RuntimeError(f"{op}: {frame['error']}")
        return frame


def ops(client: Client) -> dict:
    paused = {"handler": HANDLER, "args": ARGS, "opts": {"queue": PAUSED}}

    async def submit() -> None:
        await client.ask("job.submit", **paused)

    async def batch() -> None:
        await client.ask("job.submit_many", jobs=[paused] * BATCH_JOBS)

    async def job() -> None:
        job = (await client.ask("job.submit", handler=HANDLER, args=ARGS))["job"]
        expect((await client.ask("job.wait", job=job))["value"])

    async def call() -> None:
        expect((await client.ask(HANDLER, args=ARGS))["value"])

    return {"submit": submit, "batch": batch, "job": job, "call": call}
