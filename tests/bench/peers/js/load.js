// Requests in a closed loop, as measure.py does it: loads come as lines on stdin, figures go as lines to stdout.
"use strict";

const { createInterface } = require("node:readline");

exports.X = 10;
exports.Y = 20;
exports.BATCH_JOBS = 64;

exports.expect = (value) => {
  if (value !== exports.X + exports.Y) throw new Error(`${exports.X} + ${exports.Y} = ${value}`);
};

exports.serve = async (ops) => {
  console.log(Object.keys(ops).join(" "));
  for await (const line of createInterface({ input: process.stdin })) {
    const { op, inFlight, seconds } = JSON.parse(line);
    console.log(JSON.stringify(await closedLoop(ops[op], inFlight, seconds)));
  }
};

async function closedLoop(once, inFlight, seconds) {
  const millis = [];
  const begin = performance.now();
  const oneAfterTheOther = async () => {
    let before = performance.now();
    while (before < begin + seconds * 1e3) {
      await once();
      const after = performance.now();
      millis.push(after - before);
      before = after;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, oneAfterTheOther));
  const elapsed = (performance.now() - begin) / 1e3;
  millis.sort((a, b) => a - b);
  return { count: millis.length, seconds: elapsed, p50_millis: millis[millis.length >> 1] };
}
