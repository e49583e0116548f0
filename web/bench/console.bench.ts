// How the console fares: frames while 100,000 rows are scrolled, the main thread under 1,000 job events a second, and
// the time from nothing to a job one can see.
import { test, type Page } from "@playwright/test";
import { Broker } from "../tests/support/broker";
import { submitAtRate, submitMany } from "../tests/support/many";

const JOBS = 100_000;
const SCROLL_SECONDS = 10;
const FEED_SECONDS = Number(process.env.WINDLASS_BENCH_SECONDS ?? 60);
/** A job of `demo/add` is submitted, runs and succeeds: three events. */
const JOBS_A_SECOND = 334;

const print = (text: string) => process.stdout.write(`${text}\n`);

async function withBroker(use: (broker: Broker) => Promise<void>): Promise<void> {
  const broker = await Broker.start();
  try {
    await use(broker);
  } finally {
    await broker.stop();
  }
}

function open(page: Page, broker: Broker, path: string) {
  return page.goto(`${broker.site}/#token=${broker.token}&${path}`);
}

test("from the start of the broker to a job on the screen", async ({ page }) => {
  const began = performance.now();
  await withBroker(async (broker) => {
    const listens = performance.now();
    await open(page, broker, "/jobs");
    await page.getByText("No job yet").waitFor();
    const shown = performance.now();
    await broker.submit("demo/add", { x: 1, y: 2 });
    await page.locator("[id^=job-]").first().waitFor();
    const seen = performance.now();
    print(`start: broker listens after ${ms(listens - began)}, console shown ${ms(shown - listens)} later, job on the screen ${ms(seen - shown)} after its submission began; ${ms(seen - began)} in all`);
  });
});

test("scrolling", async ({ page }) => {
  await withBroker(async (broker) => {
    await submitMany(broker, JOBS, { handler: "demo/add", args: { x: 1, y: 2 }, opts: { delay: "1h" } });
    await open(page, broker, "/jobs");
    const grid = page.getByRole("grid", { name: "Jobs" });
    await grid.waitFor();
    const end = page.getByText(/^The newest 100,000 are shown|^100,000 jobs$/);
    const loading = performance.now();
    while (!(await end.isVisible())) await grid.evaluate((box) => (box.scrollTop = box.scrollHeight));
    print(`list: ${JOBS} rows loaded by scrolling in ${ms(performance.now() - loading)}`);
    const session = await page.context().newCDPSession(page);
    await session.send("Performance.enable");
    const busy = async () => {
      const { metrics } = (await session.send("Performance.getMetrics")) as { metrics: { name: string; value: number }[] };
      return metrics.find(({ name }) => name === "TaskDuration")!.value * 1_000;
    };
    // The reference: the same page and machine, with nothing to do.
    for (const [name, step] of [["at rest", 0], ["scrolling", 90]] as const) {
      const before = await busy();
      const found = await grid.evaluate(scroll, { seconds: SCROLL_SECONDS, step });
      const each = ((await busy()) - before) / found.frames;
      print(`${name}: frames p50 ${ms(found.p50)}, p95 ${ms(found.p95)}, longest ${ms(found.longest)}; main thread ${ms(each)} a frame; at most ${found.rows} rows in the page`);
    }
  });
});

/** Runs in the page: scrolls up and down by `step` a frame, and notes the time between frames. */
async function scroll(box: Element, { seconds, step }: { seconds: number; step: number }) {
  const frames: number[] = [];
  const end = performance.now() + seconds * 1_000;
  let before = performance.now();
  let rows = 0;
  let by = step;
  box.scrollTop = box.scrollHeight / 2;
  while (performance.now() < end) {
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    frames.push(now - before);
    before = now;
    if (frames.length % 240 === 0) by = -by;
    box.scrollTop += by;
    rows = Math.max(rows, box.querySelectorAll("[id^=job-]").length);
  }
  frames.sort((a, b) => a - b);
  const at = (part: number) => frames[Math.floor((frames.length - 1) * part)]!;
  return { frames: frames.length, p50: at(0.5), p95: at(0.95), longest: at(1), rows };
}

for (const path of ["/jobs", "/"]) {
  test(`1,000 job events a second on ${path}`, async ({ page, browser }) => {
    await withBroker(async (broker) => {
      await open(page, broker, path);
      await page.getByRole("heading", { level: 1 }).waitFor();
      const session = await page.context().newCDPSession(page);
      const heap = async () => {
        await session.send("HeapProfiler.collectGarbage");
        const { usedSize } = (await session.send("Runtime.getHeapUsage")) as { usedSize: number };
        return usedSize / 1_048_576;
      };
      const before = await heap();
      await browser.startTracing(page, { categories: ["toplevel", "__metadata"] });
      const jobs = await submitAtRate(broker, JOBS_A_SECOND, FEED_SECONDS, { handler: "demo/add", args: { x: 1, y: 2 }, opts: {} });
      const tasks = mainThreadTasks(await browser.stopTracing());
      const [wall, cpu] = [tasks.map(({ dur }) => dur), tasks.map(({ tdur }) => tdur)];
      const long = (all: number[]) => `${all.filter((task) => task > 50).length} above 50 ms, longest ${ms(Math.max(0, ...all))}`;
      const share = (100 * cpu.reduce((sum, task) => sum + task, 0)) / (FEED_SECONDS * 1_000);
      print(`feed on ${path}: ${Math.round((jobs * 3) / FEED_SECONDS)} events a second for ${FEED_SECONDS} s; tasks by their own time: ${long(cpu)}; with what the machine took meanwhile: ${long(wall)}; main thread ${share.toFixed(0)} % of a core; heap ${before.toFixed(1)} MiB before, ${(await heap()).toFixed(1)} MiB after`);
    });
  });
}

interface TraceEvent {
  name: string;
  pid: number;
  tid: number;
  dur?: number;
  tdur?: number;
  args?: { name?: string };
}

/** The tasks of the busiest renderer's main thread, in milliseconds: by the clock, and by the processor's time. */
function mainThreadTasks(trace: Buffer): { dur: number; tdur: number }[] {
  const { traceEvents } = JSON.parse(trace.toString()) as { traceEvents: TraceEvent[] };
  const mains = traceEvents.filter(({ name, args }) => name === "thread_name" && args?.name === "CrRendererMain");
  const tasksOf = ({ pid, tid }: TraceEvent) =>
    traceEvents
      .filter((event) => event.pid === pid && event.tid === tid && event.name.endsWith("RunTask"))
      .map(({ dur = 0, tdur = 0 }) => ({ dur: dur / 1_000, tdur: tdur / 1_000 }));
  const all = mains.map(tasksOf);
  return all.sort((a, b) => b.length - a.length)[0] ?? [];
}

function ms(millis: number): string {
  return `${millis.toFixed(1)} ms`;
}
