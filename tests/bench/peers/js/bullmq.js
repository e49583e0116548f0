// BullMQ as its documentation shows it. Usage: bullmq.js PORT
"use strict";

const { Queue, QueueEvents } = require("bullmq");
const { BATCH_JOBS, X, Y, expect, serve } = require("./load.js");

const connection = { host: "127.0.0.1", port: Number(process.argv[2]) };
const data = { x: X, y: Y };
const submits = new Queue("submits", { connection });
const jobs = new Queue("jobs", { connection });
const events = new QueueEvents("jobs", { connection });
// Each job that is waited for adds a listener.
events.setMaxListeners(0);

Promise.all([submits, jobs, events].map((part) => part.waitUntilReady())).then(() =>
  serve({
    submit: () => submits.add("add", data),
    batch: () => submits.addBulk(Array(BATCH_JOBS).fill({ name: "add", data })),
    job: async () => expect(await (await jobs.add("add", data)).waitUntilFinished(events)),
  }),
);
