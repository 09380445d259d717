/** Answers of the SDK on their way out: counted until they are over, and broken off when nobody reads them. */
import type { Clock } from "../../src/kernel/ports.ts";
import { httpLimits } from "../../src/surface/http-limits.ts";
import { bodyStream } from "../../src/surface/http-stream.ts";
import type { RouteVisit } from "../http/contract.ts";

const heartbeat = new TextEncoder().encode(": waiting\n\n");

/**
 * A stream of events takes the next one only when the client has room for it. Anything else is one small piece.
 *
 * @param ended called once, when the answer is over
 */
export function passedOn(response: Response, visit: RouteVisit, clock: Clock, ended: () => void): Response {
  response.headers.set("x-content-type-options", "nosniff");
  const type = response.headers.get("content-type") ?? "";
  if (response.body === null || !type.startsWith("text/event-stream")) {
    ended();
    return response;
  }
  const over = visit.streams();
  // The head goes out with the first piece, and a client that only listens waits for the head.
  let opening: Uint8Array | undefined = heartbeat;
  const { body } = bodyStream(chunksOf(response.body), {
    limits: httpLimits,
    timer: clock,
    heartbeat,
    aside() {
      const first = opening;
      opening = undefined;
      return first;
    },
    onEnd() {
      ended();
      over();
    },
  });
  return new Response(body, { status: response.status, headers: response.headers });
}

/** Ends at once when it is returned, even while it waits. */
function chunksOf(body: ReadableStream<Uint8Array>): AsyncIterator<Uint8Array, undefined> {
  const reader = body.getReader();
  return {
    async next() {
      const { done, value } = await reader.read();
      return done ? { done: true, value: undefined } : { done: false, value };
    },
    async return() {
      await reader.cancel();
      return { done: true, value: undefined };
    },
  };
}
