"""What was measured as one table: medians over the rounds, and how many times theirs is ours."""

from dataclasses import dataclass
from statistics import median

TITLES = {
    "beanstalkd": "beanstalkd",
    "bullmq": "BullMQ",
    "dask": "Dask",
    "ipyparallel": "ipyparallel",
    "jetstream": "JetStream",
    "windlass": "windlass, client in Python",
    "windlass_js": "windlass, client in JavaScript",
}
SECTIONS = {"submit": "submit", "batch": "batch of 64", "job": "job", "call": "call"}
COLUMNS = (
    *("", "system", "on disk", "1: p50 ms", "1: /s", "ours/it", "64: p50 ms", "64: /s", "ours/it"),
    *("server us", "worker us", "client us", "client busy", "disk syncs/s"),
)
TEXT_COLUMNS = 3
NONE = "-"
# Beyond this share of a core it is the client that sets the rate.
CLIENT_SHARE_MAX = 0.9
# Of ours to theirs at 64 in flight: to the best that is durable, and to the best that is not.
TARGETS = {"submit": (3, None), "job": (3, 10), "call": (None, 20)}


@dataclass
class System:
    """One system over all rounds."""

    name: str
    rounds: list[dict]

    def cell(self, op: str, in_flight: int) -> dict[str, float] | None:
        cells = [measured["cells"].get(f"{op} {in_flight}") for measured in self.rounds]
        return None if None in cells else medians(cells)

    def rate(self, op: str, in_flight: int) -> float | None:
        cell = self.cell(op, in_flight)
        return cell and cell["rate"]

    @property
    def durability(self) -> str:
        return self.rounds[0]["durability"]

    @property
    def sync(self) -> dict[str, float]:
        return medians([measured["sync"] for measured in self.rounds])


def medians(figures: list[dict[str, float]]) -> dict[str, float]:
    return {name: median(each[name] for each in figures) for name in figures[0]}


def render(measured: dict[str, list[dict]], peers: dict[str, str], *, markdown: bool) -> str:
    systems = {name: System(name, rounds) for name, rounds in measured.items()}
    rows = [COLUMNS]
    for op in SECTIONS:
        for system in systems.values():
            if system.rate(op, 1):
                ours = systems[peers[system.name]] if system.name in peers else None
                rows.append(row(op, system, ours))
    lines = written(rows) if markdown else aligned(rows)
    lines += ["", *notes(), "", disk(measured), *versions(systems), "", *verdicts(systems, peers)]
    return "\n".join(lines)


def row(op: str, system: System, ours: System | None) -> tuple[str, ...]:
    one, many = system.cell(op, 1), system.cell(op, 64)
    busiest = many or one
    share = busiest["client_share"]
    figures = []
    for in_flight, cell in ((1, one), (64, many)):
        figures += [f"{cell['p50_millis']:.2f}", f"{cell['rate']:.0f}"] if cell else [NONE] * 2
        figures.append(times(ratio(op, in_flight, system, ours)))
    figures += [f"{busiest[f'{who}_micros']:.0f}" for who in ("server", "worker", "client")]
    figures.append(f"{share:.0%}{'*' if share > CLIENT_SHARE_MAX else ''}")
    return SECTIONS[op], TITLES[system.name], system.durability, *figures, f"{system.sync['rate']:.0f}"


def ratio(op: str, in_flight: int, system: System, ours: System | None) -> float | None:
    theirs, mine = system.rate(op, in_flight), ours and ours.rate(op, in_flight)
    return mine / theirs if mine and theirs else None


def times(value: float | None) -> str:
    return NONE if value is None else f"{value:.1f}x"


def aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for cells in rows:
        placed = [
            cell.ljust(width) if number < TEXT_COLUMNS else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        lines.append("  ".join(placed).rstrip())
    return lines


def written(rows: list[tuple[str, ...]]) -> list[str]:
    lines = [f"| {' | '.join(cells)} |" for cells in rows]
    sides = ["---" if number < TEXT_COLUMNS else "---:" for number in range(len(COLUMNS))]
    return [lines[0], f"| {' | '.join(sides)} |", *lines[1:]]


def notes() -> list[str]:
    return [
        "1, 64: in flight. on disk: what is there before it is told. batch: p50 of a batch, jobs a second.",
        "server, worker, client us: processor time for each, with 64 in flight; our server runs the handlers itself.",
        "client busy: share of a core (* it sets the rate: the server could do more). disk syncs/s: just before.",
    ]


def disk(measured: dict[str, list[dict]]) -> str:
    sync = [each["sync"] for rounds in measured.values() for each in rounds]
    rates = [each["rate"] for each in sync]
    middle = medians(sync)
    return (
        f"disk: {middle['rate']:.0f} appends of 256 bytes with an fdatasync each a second "
        f"({min(rates):.0f} to {max(rates):.0f}), p50 {middle['p50_millis']:.2f} ms, p99 {middle['p99_millis']:.2f} ms"
    )


def versions(systems: dict[str, System]) -> list[str]:
    found = {system.rounds[0]["version"] for system in systems.values()}
    return [f"versions: {'; '.join(sorted(found, key=str.lower))}"]


def verdicts(systems: dict[str, System], peers: dict[str, str]) -> list[str]:
    lines = ["with 64 in flight:"]
    for op, targets in TARGETS.items():
        for durable, target in zip((True, False), targets, strict=True):
            ratios = {
                name: ratio(op, 64, systems[name], systems[ours])
                for name, ours in peers.items()
                if (systems[name].durability != "none") == durable and systems[name].rate(op, 64)
            }
            if target and ratios:
                best = min(ratios, key=ratios.get)
                group = "durable peers" if durable else "others"
                lines.append(f"{op}: {ratios[best]:.1f} x {TITLES[best]}, the best of the {group}; target >= {target}")
    return lines
