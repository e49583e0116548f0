"""Processes that a measurement starts: each ends with it, and says why if it ends before."""

import asyncio
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

ANSWER_SECONDS_MAX = 30
STOP_SECONDS_MAX = 30
LOG_CHARACTERS_SHOWN = 2000


@asynccontextmanager
async def child(log: Path, *command: str | Path, stdin: int = DEVNULL) -> AsyncIterator[Process]:
    """A process with its stdout piped to us and its stderr in a file."""
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(*command, stdin=stdin, stdout=PIPE, stderr=stderr)
    try:
        yield process
    except BaseException:
        sys.stderr.write(f"--- {command[0]} ---\n{log.read_text()[-LOG_CHARACTERS_SHOWN:]}\n")
        raise
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS_MAX)
        except TimeoutError:
            process.kill()
            await process.wait()


async def line(process: Process) -> str:
    """The next line that a child prints."""
    async with asyncio.timeout(ANSWER_SECONDS_MAX):
        text = (await process.stdout.readline()).decode().strip()
    if not text:
        raise RuntimeError("it ended before it answered")
    return text


async def listening(process: Process, port: int) -> None:
    """Waits until a child listens that does not say so by itself."""
    async with asyncio.timeout(ANSWER_SECONDS_MAX):
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)
            else:
                return writer.close()
    raise RuntimeError(f"it ended before it listened on port {port}")


def free_port() -> int:
    """For servers that cannot take a free port by themselves."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


async def output(*command: str | Path) -> str:
    """What a short command prints."""
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    return (await process.communicate())[0].decode().strip()
