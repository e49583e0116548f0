// Ours over one WebSocket of `ws`. Usage: windlass.js URL TOKEN PAUSED_QUEUE
"use strict";

const WebSocket = require("ws");
const { BATCH_JOBS, X, Y, expect, serve } = require("./load.js");

const [url, token, queue] = process.argv.slice(2);
const handler = "demo/add";
const args = { x: X, y: Y };
const paused = { handler, args, opts: { queue } };

const waiting = new Map();
let last = 0;

const socket = new WebSocket(`${url.replace("http", "ws")}/v1/ws`, { headers: { authorization: `Bearer ${token}` } });

function ask(frame) {
  const id = ++last;
  socket.send(JSON.stringify({ id, ...frame }));
  return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
}

socket.on("message", (text) => {
  const frame = JSON.parse(text);
  const { resolve, reject } = waiting.get(frame.id);
  waiting.delete(frame.id);
  if (frame.op === "error") reject(new Error(JSON.stringify(frame.error)));
  else resolve(frame);
});

socket.on("open", () =>
  serve({
    submit: () => ask({ op: "job.submit", ...paused }),
    batch: () => ask({ op: "job.submit_many", jobs: Array(BATCH_JOBS).fill(paused) }),
    job: async () => {
      const { job } = await ask({ op: "job.submit", handler, args });
      expect((await ask({ op: "job.wait", job })).value);
    },
    call: async () => expect((await ask({ op: handler, args })).value),
  }),
);
