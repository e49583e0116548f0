// Jobs and what leads from one to another, laid out in columns from left to right. Pure.

export type LinkKind = "after" | "retry";

/** What a job is drawn from. */
export interface GraphJob {
  readonly id: string;
  /** The jobs it comes from, which were there before it. */
  readonly from: readonly { id: string; kind: LinkKind }[];
}

export interface Place {
  readonly id: string;
  /** From the left, 0 is the first. */
  readonly column: number;
  /** From the top, in rows; columns are centred, so halves occur. */
  readonly row: number;
}

export interface Link {
  readonly from: Place;
  readonly to: Place;
  readonly kind: LinkKind;
}

export interface Layout {
  readonly places: readonly Place[];
  readonly links: readonly Link[];
  readonly columns: number;
  readonly rows: number;
}

const SWEEPS = 4;

export function layout(jobs: readonly GraphJob[]): Layout {
  const byId = new Map(jobs.map((job) => [job.id, job]));
  const before = new Map(jobs.map(({ id, from }) => [id, from.map((link) => link.id).filter((other) => byId.has(other))]));
  const behind = reversed(before);
  const columnOf = columnsOf(before, behind);
  const count = Math.max(0, ...columnOf.values()) + 1;
  const columns = Array.from({ length: jobs.length === 0 ? 0 : count }, (_, column) => jobs.map(({ id }) => id).filter((id) => columnOf.get(id) === column));
  order(columns, before, behind);
  const rows = Math.max(0, ...columns.map(({ length }) => length));
  const places = columns.flatMap((ids, column) => ids.map((id, at) => ({ id, column, row: at + (rows - ids.length) / 2 })));
  const placeOf = new Map(places.map((place) => [place.id, place]));
  const links = jobs.flatMap(({ id, from }) =>
    from.filter((link) => byId.has(link.id)).map((link) => ({ from: placeOf.get(link.id)!, to: placeOf.get(id)!, kind: link.kind })));
  return { places, links, columns: columns.length, rows };
}

/** Each job right of all it comes from; one that comes from nothing stands just left of what comes from it. */
function columnsOf(before: ReadonlyMap<string, string[]>, behind: ReadonlyMap<string, string[]>): Map<string, number> {
  const found = new Map<string, number>();
  const visit = (id: string): number => {
    const known = found.get(id);
    if (known !== undefined) return known;
    found.set(id, 0); // there are no cycles, since a job comes only from those before it
    const column = Math.max(-1, ...before.get(id)!.map(visit)) + 1;
    found.set(id, column);
    return column;
  };
  for (const id of before.keys()) visit(id);
  for (const [id, from] of before) {
    const next = behind.get(id)!.map((other) => found.get(other)!);
    if (from.length === 0 && next.length > 0) found.set(id, Math.min(...next) - 1);
  }
  return found;
}

function reversed(before: ReadonlyMap<string, string[]>): Map<string, string[]> {
  const behind = new Map([...before.keys()].map((id) => [id, [] as string[]]));
  for (const [id, from] of before) for (const other of from) behind.get(other)!.push(id);
  return behind;
}

/** Puts each job beside the middle of its neighbours, from the left and from the right in turn, so that few lines cross. */
function order(columns: string[][], before: ReadonlyMap<string, string[]>, behind: ReadonlyMap<string, string[]>): void {
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const isRightward = sweep % 2 === 0;
    const at = new Map(columns.flatMap((ids) => ids.map((id, index) => [id, index - ids.length / 2] as const)));
    for (const ids of isRightward ? columns : columns.toReversed()) {
      const neighbours = isRightward ? before : behind;
      const middle = (id: string) => {
        const places = neighbours.get(id)!.map((other) => at.get(other)!);
        return places.length === 0 ? at.get(id)! : places.reduce((sum, place) => sum + place, 0) / places.length;
      };
      const middles = new Map(ids.map((id) => [id, middle(id)]));
      ids.sort((a, b) => middles.get(a)! - middles.get(b)!);
      ids.forEach((id, index) => at.set(id, index - ids.length / 2));
    }
  }
}
