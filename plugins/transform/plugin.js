// The transform plugin: one function for each export of `wit/world.wit`.

export function transform(expression, input) {
  const value = attempt('input', () => JSON.parse(input));
  // A stranger's code may be evaluated: each job has a sandbox of its own, without files or network, and its time
  // and memory are limited.
  const output = attempt('expression', () => {
    const evaluate = new Function('input', `'use strict'; return (${expression}\n);`);
    return evaluate(value);
  });
  const json = attempt('output', () => JSON.stringify(output));
  if (json === undefined) throw problem('output', `a value of type \`${typeof output}\` has no JSON`);
  return json;
}

function attempt(tag, step) {
  try {
    return step();
  } catch (error) {
    throw problem(tag, String(error));
  }
}

// What is thrown as a plain value is the `err` of the result; an `Error` is a trap.
function problem(tag, val) {
  return { tag, val };
}
