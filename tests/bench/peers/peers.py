"""Measures ours and its peers in turns, in one run, and prints one table."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import table

ROUNDS, SECONDS = 5, 4.0
QUICK_ROUNDS, QUICK_SECONDS = 1, 2.0

HERE = Path(__file__).resolve().parent
TARGET = HERE.parents[2] / "target/peers"

# Each peer with ours in the language of its client.
PEERS = {
    "beanstalkd": "windlass",
    "jetstream": "windlass",
    "ipyparallel": "windlass",
    "dask": "windlass",
    "bullmq": "windlass_js",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round, 2 s for each load")
    parser.add_argument("--only", choices=PEERS, metavar="NAME", help=f"ours and one of {', '.join(PEERS)}")
    parser.add_argument("--markdown", action="store_true", help="print the table in Markdown")
    options = parser.parse_args()
    rounds, seconds = (QUICK_ROUNDS, QUICK_SECONDS) if options.quick else (ROUNDS, SECONDS)
    peers = {name: ours for name, ours in PEERS.items() if options.only in (None, name)}
    names = in_turns(peers)
    load = os.getloadavg()[0]

    measured: dict[str, list[dict]] = {name: [] for name in names}
    for number in range(rounds):
        # Every other round goes backwards, so that nobody is always first.
        for name in names if number % 2 == 0 else reversed(names):
            sys.stderr.write(f"round {number + 1} of {rounds}: {name}\n")
            measured[name].append(drive(name, seconds))

    cores, today = len(os.sched_getaffinity(0)), datetime.now(UTC).date()
    print(f"{today}: {cores} cores, load before {load:.1f}, medians of {rounds} x {seconds:g} s for each figure\n")
    print(table.render(measured, peers, markdown=options.markdown))


def in_turns(peers: dict[str, str]) -> list[str]:
    """Ours in the middle of the peers that it is compared with."""
    names = []
    for ours in sorted(set(peers.values())):
        theirs = [name for name, mine in peers.items() if mine == ours]
        middle = len(theirs) // 2
        names += [*theirs[:middle], ours, *theirs[middle:]]
    return names


def drive(name: str, seconds: float) -> dict:
    """One system in one round, in an empty directory on the disk of the repository."""
    with tempfile.TemporaryDirectory(dir=TARGET) as home:
        command = [sys.executable, HERE / "drive.py", name, str(seconds), home]
        run = subprocess.run(command, cwd=HERE, stdout=subprocess.PIPE)
    if run.returncode:
        raise SystemExit(f"measuring {name} failed, see above")
    return json.loads(run.stdout)


if __name__ == "__main__":
    main()
