/** A call that goes to other nodes: whether it may, and its answer on the way back. */
import type { Answer } from "./call.ts";
import { OperoneError } from "./error.ts";
import type { Log, Router } from "./ports.ts";
import type { Admitted } from "./recorder.ts";
import { guarded } from "./running.ts";
import { selectsMany } from "./selector.ts";

/** @throws OperoneError `invalid_input` for what only runs here, `unavailable` without a mesh */
export function routerFor(
  router: Router | undefined,
  { call, operation }: Admitted,
  selector: string,
): Router {
  if (!operation.surfaces.includes("mesh")) {
    throw new OperoneError(
      "invalid_input",
      `"${operation.id}" runs only on the node that is asked; leave out the node "${selector}"`,
    );
  }
  const streams = call.bytes !== undefined || call.messages !== undefined || operation.takes === "messages";
  if (selectsMany(selector) && (streams || operation.gives === "bytes")) {
    const what = streams ? `takes ${operation.takes}` : "gives bytes";
    throw new OperoneError(
      "invalid_input",
      `"${operation.id}" ${what}, so it runs on one node at a time, and "${selector}" means many; name one`,
    );
  }
  if (router !== undefined) return router;
  throw new OperoneError(
    "unavailable",
    `The node "${selector}" cannot be reached: this node has joined no mesh`,
  );
}

/** Guarded and recorded at its end, as an answer of this node would be. */
export function sentAnswer(
  log: Log,
  { run }: Admitted,
  answer: Exclude<Answer, { gives: "value" }>,
  finish: (failure: OperoneError | undefined) => Promise<void>,
): Answer {
  const guard = <T>(source: AsyncIterable<T>) => guarded(source[Symbol.asyncIterator](), run, log, finish);
  if (answer.gives === "items") return { ...answer, items: guard(answer.items) };
  const { bytes, discard } = answer;
  return {
    ...answer,
    bytes: { ...bytes, open: (range) => guard(bytes.open(range)) },
    discard() {
      discard?.();
      void finish(undefined);
      run.release();
    },
  };
}
