// The worker of BullMQ. Usage: worker.js PORT
"use strict";

const { Worker } = require("bullmq");

const connection = { host: "127.0.0.1", port: Number(process.argv[2]), maxRetriesPerRequest: null };
const worker = new Worker("jobs", async ({ data }) => data.x + data.y, { connection, concurrency: 64 });
worker.waitUntilReady().then(() => console.log("ready"));
