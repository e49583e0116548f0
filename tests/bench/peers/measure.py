"""What is measured: requests in a closed loop, the processor time they take, and the disk by itself."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles

import psutil

Once = Callable[[], Awaitable[object]]

APPEND_BYTES = 256


@dataclass
class Loop:
    """So many requests in so many seconds; half of them took no longer than `p50_millis`."""

    count: int
    seconds: float
    p50_millis: float


async def closed_loop(once: Once, in_flight: int, seconds: float) -> Loop:
    """Keeps `in_flight` requests in flight."""
    millis: list[float] = []
    begin = time.perf_counter()

    async def one_after_the_other() -> None:
        before = time.perf_counter()
        while before < begin + seconds:
            await once()
            after = time.perf_counter()
            millis.append((after - before) * 1e3)
            before = after

    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(one_after_the_other())
    return Loop(len(millis), time.perf_counter() - begin, median(millis))


@dataclass
class Cpu:
    """Processor time in seconds, by what a process is for."""

    client: float
    workers: float
    servers: float

    def since(self, before: "Cpu") -> "Cpu":
        return Cpu(*(now - then for now, then in zip(asdict(self).values(), asdict(before).values(), strict=True)))


def cpu(client: int, workers: list[int]) -> Cpu:
    """The client is one process, workers have descendants; every other process that we started is a server."""
    this = psutil.Process()
    started = {process.pid: process for process in this.children(recursive=True)}
    working = {pid for worker in workers for pid in (worker, *descendants(psutil.Process(worker)))}
    working.discard(client)
    serving = started.keys() - working - {client}
    spent = {pid: used(process) for pid, process in (started | {this.pid: this}).items()}
    return Cpu(spent[client], sum(spent[pid] for pid in working), sum(spent[pid] for pid in serving))


def descendants(process: psutil.Process) -> list[int]:
    return [child.pid for child in process.children(recursive=True)]


def used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def sync_rate(path: Path, seconds: float) -> dict[str, float]:
    """Appends to a file with an fdatasync after each, as often as the disk can."""
    millis = []
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    begin = before = time.perf_counter()
    while before < begin + seconds:
        os.write(descriptor, bytes(APPEND_BYTES))
        os.fdatasync(descriptor)
        after = time.perf_counter()
        millis.append((after - before) * 1e3)
        before = after
    os.close(descriptor)
    p99 = quantiles(millis, n=100)[98]
    return {"rate": len(millis) / (before - begin), "p50_millis": median(millis), "p99_millis": p99}
