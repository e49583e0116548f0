// Where jobs stand in the picture of what comes after what.
import { expect, test } from "vitest";
import { layout, type GraphJob } from "./graph";

const job = (id: string, ...after: string[]): GraphJob => ({ id, from: after.map((other) => ({ id: other, kind: "after" })) });
const columns = (jobs: GraphJob[]) => Object.fromEntries(layout(jobs).places.map(({ id, column }) => [id, column]));

test("a job stands right of all it comes after", () => {
  expect(columns([job("d", "b", "c"), job("a"), job("b", "a"), job("c", "b")])).toEqual({ a: 0, b: 1, c: 2, d: 3 });
});

test("a job that comes after nothing stands just left of what comes after it", () => {
  expect(columns([job("a"), job("b", "a"), job("c", "b", "late"), job("late")])).toEqual({ a: 0, b: 1, late: 1, c: 2 });
});

test("jobs beyond the picture have no link", () => {
  const { places, links } = layout([job("b", "gone"), job("c", "b")]);
  expect(places.map(({ id }) => id)).toEqual(["b", "c"]);
  expect(links.map(({ from, to }) => [from.id, to.id])).toEqual([["b", "c"]]);
});

test("lines that need not cross do not", () => {
  const { places } = layout([job("a"), job("b"), job("after b", "b"), job("after a", "a")]);
  const row = (id: string) => places.find((place) => place.id === id)!.row;
  expect(row("a") < row("b")).toBe(row("after a") < row("after b"));
});

test("short columns are centred beside long ones", () => {
  const { places, rows } = layout([job("a"), job("b", "a"), job("c", "a"), job("d", "a")]);
  expect(rows).toBe(3);
  expect(places.find(({ id }) => id === "a")).toMatchObject({ column: 0, row: 1 });
});
