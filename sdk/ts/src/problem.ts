// What can go wrong: the broker refuses, or the connection ends before it answered.

/** The one shape of every refusal and failure, as the broker sends it. */
export interface Problem {
  /** The kind of problem, such as `bad_arguments`. */
  code: string;
  /** One sentence about this very case. */
  message: string;
  /** What a program may want to look at: a pointer into the request, a trap, a state. */
  detail?: unknown;
  /** What to try next. */
  hint?: string;
  /** Whether the same request may succeed later. */
  retryable: boolean;
}

/** The broker's answer was an error. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.message);
    this.problem = problem;
  }

  get code(): string {
    return this.problem.code;
  }
}

/** The connection ended after a request was sent and before it was answered: it may have been carried out or not. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";

  constructor(op: string) {
    super(`the connection was lost before \`${op}\` was answered; it may have been carried out`);
  }
}
