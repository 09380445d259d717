/** Operations that misbehave, to see that the node does not mind. What they did is told in `happened`. */
import * as v from "valibot";
import { defineModule } from "../../src/kernel/module.ts";
import { type Operation, operationsOf } from "../../src/kernel/operation.ts";

export interface Happened {
  started: number;
  /** Calls whose signal was aborted, or whose generator was ended early. */
  ended: number;
  producedBytes: number;
  takenBytes: number;
}

const op = operationsOf<Happened>("odd");
const plain = { summary: "Odd", needs: [], input: v.strictObject({}) } as const;
const chunk = new Uint8Array(65_536).fill(65);
const line = "x".repeat(1_000);

function untilAborted(happened: Happened, signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const end = () => {
      happened.ended++;
      reject(signal.reason);
    };
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
}

const operations: readonly Operation<Happened>[] = [
  op({
    ...plain,
    name: "ping",
    effect: "read",
    output: v.string(),
    run: () => "pong",
  }),
  op({
    ...plain,
    name: "wait",
    effect: "read",
    output: v.null(),
    deadlineMs: 0,
    run: (happened, _, { signal }) => {
      happened.started++;
      return untilAborted(happened, signal);
    },
  }),
  op({
    ...plain,
    name: "throw",
    effect: "read",
    output: v.null(),
    run: () => {
      throw new TypeError("secret of the handler");
    },
  }),
  op({
    ...plain,
    name: "reject",
    effect: "read",
    output: v.null(),
    run: async () => {
      // One that nobody waits for, and one that somebody does.
      void Promise.reject(new Error("secret left behind")).catch(() => {});
      throw new Error("secret of the promise");
    },
  }),
  op({
    ...plain,
    name: "big",
    effect: "read",
    input: v.strictObject({ sizeBytes: v.number() }),
    output: v.string(),
    run: (_, { sizeBytes }) => "x".repeat(sizeBytes),
  }),
  op({
    ...plain,
    name: "flood",
    effect: "read",
    gives: "items",
    output: v.string(),
    run: async function* (happened) {
      happened.started++;
      try {
        for (;;) {
          happened.producedBytes += line.length;
          yield line;
        }
      } finally {
        happened.ended++;
      }
    },
  }),
  op({
    ...plain,
    name: "hush",
    effect: "read",
    gives: "items",
    output: v.string(),
    run: async function* (happened, _, { signal }) {
      happened.started++;
      yield "first";
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
      happened.ended++;
    },
  }),
  op({
    ...plain,
    name: "pour",
    effect: "read",
    gives: "bytes",
    run: (happened) => ({
      mediaType: "application/octet-stream",
      open: async function* () {
        happened.started++;
        try {
          for (;;) {
            happened.producedBytes += chunk.length;
            yield chunk;
          }
        } finally {
          happened.ended++;
        }
      },
    }),
  }),
  op({
    ...plain,
    name: "ignore",
    effect: "write",
    takes: "bytes",
    output: v.string(),
    run: () => "ignored",
  }),
  op({
    ...plain,
    name: "echo",
    effect: "write",
    takes: "bytes",
    gives: "items",
    output: v.number(),
    run: async function* (happened, _, { bytes }) {
      happened.started++;
      for await (const part of bytes) {
        happened.takenBytes += part.length;
        yield part.length;
      }
      happened.ended++;
    },
  }),
  op({
    ...plain,
    name: "sip",
    summary: "Take the first bytes, want no more, and wait",
    effect: "write",
    takes: "bytes",
    output: v.null(),
    deadlineMs: 0,
    run: async (happened, _, { bytes, signal }) => {
      for await (const part of bytes) {
        happened.takenBytes += part.length;
        break;
      }
      return untilAborted(happened, signal);
    },
  }),
  op({
    ...plain,
    name: "taste",
    summary: "Take the first bytes, and wait with the others at hand",
    effect: "write",
    takes: "bytes",
    output: v.null(),
    deadlineMs: 0,
    run: async (happened, _, { bytes, signal }) => {
      const { value } = await bytes[Symbol.asyncIterator]().next();
      happened.takenBytes += value?.length ?? 0;
      return untilAborted(happened, signal);
    },
  }),
  op({
    ...plain,
    name: "chat",
    effect: "write",
    takes: "messages",
    gives: "items",
    message: v.string(),
    output: v.string(),
    run: async function* (happened, _, { messages }) {
      happened.started++;
      try {
        for await (const message of messages) {
          if (message === "flood") for (;;) yield line;
          yield message;
        }
      } finally {
        happened.ended++;
      }
    },
  }),
];

export function oddModule(happened: Happened) {
  return defineModule({
    id: "odd",
    summary: "Operations that misbehave",
    config: v.strictObject({}),
    permissions: {},
    requires: {},
    provides: {},
    operations,
    start: () => ({ state: happened, services: {} }),
  });
}
