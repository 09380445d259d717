/** A module with one operation of every shape, for the tests of the surfaces. Its answers depend on the input alone. */
import { createHash } from "node:crypto";
import * as v from "valibot";
import { ByteText, byteText } from "../../src/kernel/byte-text.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import { defineModule } from "../../src/kernel/module.ts";
import { type Operation, operationsOf, type SurfaceName } from "../../src/kernel/operation.ts";

const op = operationsOf<null>("sample");
const everywhere: readonly SurfaceName[] = ["http", "cli", "mesh"];
const use = { needs: ["sample.use"], surfaces: everywhere } as const;
const Count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(300));
const Times = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(5));
const SizeBytes = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(4_000_000));

const isWellFormed = (text: string) => text.isWellFormed();

const Everything = v.strictObject({
  text: v.pipe(v.string(), v.maxLength(200), v.description("Any text")),
  count: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.description("How often")), 3),
  ratio: v.nullish(v.number()),
  deep: v.optional(v.boolean(), false),
  level: v.optional(v.picklist(["info", "warn"]), "info"),
  names: v.optional(v.array(v.pipe(v.string(), v.maxLength(50)))),
  environment: v.optional(v.record(v.string(), v.string())),
  nodes: v.optional(v.union([v.literal("*"), v.array(v.string())])),
  filter: v.optional(v.strictObject({ name: v.string(), tags: v.array(v.string()) })),
});

const values: readonly Operation<null>[] = [
  op({
    ...use,
    name: "echo",
    summary: "Give the input back",
    description: "Every kind of field goes in and comes out again.",
    effect: "read",
    input: Everything,
    output: Everything,
    cli: { positional: ["text", "names"], alias: ["echo"], knownAs: ["print"] },
    examples: [
      { input: { text: "hi", deep: true }, output: { text: "hi", count: 3 }, note: "With a default" },
    ],
    run: (_, input) => input,
  }),
  op({
    ...use,
    name: "add",
    summary: "Add two numbers",
    effect: "write",
    input: v.strictObject({ a: v.number(), b: v.number() }),
    output: v.strictObject({ sum: v.number() }),
    cli: {
      positional: ["a", "b"],
      render: (value) => ({ stdout: `${value.sum}\n` }),
      exit: ({ sum }) => Math.abs(sum) % 3,
      oneNodeIsEnough: true,
    },
    examples: [{ input: { a: 1, b: 2 }, output: { sum: 3 } }],
    run: (_, { a, b }, { progress }) => {
      progress({ done: 1, total: 2, unit: "numbers" });
      // Sums beyond the largest number have no JSON.
      return { sum: Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, a + b)) };
    },
  }),
  op({
    ...use,
    name: "refuse",
    summary: "Fail with a code",
    effect: "read",
    input: v.strictObject({
      code: v.picklist(["conflict", "not_found", "precondition_failed"]),
      message: v.string(),
    }),
    output: v.null(),
    errors: ["conflict", "not_found", "precondition_failed"],
    run: (_, { code, message }) => {
      throw new OperoneError(code, message, { code });
    },
  }),
  op({
    ...use,
    name: "crash",
    summary: "Fail unexpectedly",
    effect: "write",
    input: v.strictObject({}),
    output: v.null(),
    cli: { failureExit: 125 },
    run: () => {
      throw new TypeError("secret detail");
    },
  }),
  op({
    ...use,
    name: "huge",
    summary: "Give one big value",
    effect: "read",
    input: v.strictObject({ sizeBytes: SizeBytes }),
    output: v.string(),
    run: (_, { sizeBytes }) => "x".repeat(sizeBytes),
  }),
  op({
    ...use,
    name: "slow",
    summary: "Never answer",
    effect: "read",
    deadlineMs: 0,
    input: v.strictObject({}),
    output: v.null(),
    run: (_, __, { signal }) =>
      new Promise<null>((_resolve, reject) => {
        if (signal.aborted) reject(signal.reason);
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      }),
  }),
];

const streams: readonly Operation<null>[] = [
  op({
    ...use,
    name: "count",
    summary: "Count up, and fail on the way if asked to",
    effect: "read",
    gives: "items",
    input: v.strictObject({ to: Count, failAt: v.optional(Count), text: v.optional(v.string()) }),
    output: v.strictObject({ n: v.number(), text: v.optional(v.string()) }),
    errors: ["conflict"],
    cli: { positional: ["to"], exit: ({ n }) => n % 2 },
    examples: [{ input: { to: 2 }, output: { n: 2 } }],
    run: async function* (_, { to, failAt, text }) {
      for (let n = 1; n <= to; n++) {
        if (n === failAt) throw new OperoneError("conflict", `Counting failed at ${n}`);
        yield text === undefined ? { n } : { n, text };
      }
    },
  }),
  op({
    ...use,
    name: "pieces",
    summary: "Give a text and its bytes, held as bytes where that pays",
    effect: "read",
    gives: "items",
    input: v.strictObject({
      text: v.pipe(v.string(), v.check(isWellFormed, "half a character")),
      times: Times,
    }),
    output: v.strictObject({
      name: v.string(),
      text: byteText,
      more: v.array(v.strictObject({ base64: byteText })),
    }),
    examples: [
      {
        input: { text: "\u00e4", times: 1 },
        output: { text: "\u00e4", more: [{ base64: "w6Q=" }, { base64: "w6Q=" }] },
      },
    ],
    run: async function* (_, { text, times }) {
      for (let n = 1; n <= times; n++) {
        const bytes = Buffer.from(text.repeat(n));
        const held = new ByteText([bytes.subarray(0, n), bytes.subarray(n)], "base64");
        yield {
          name: text,
          text: n % 2 === 0 ? text.repeat(n) : new ByteText(bytes, "utf8"),
          more: [{ base64: held }, { base64: String(held) }],
        };
      }
    },
  }),
  op({
    ...use,
    name: "forever",
    summary: "Count without end",
    effect: "read",
    gives: "items",
    input: v.strictObject({}),
    output: v.number(),
    run: async function* (_, __, { signal }) {
      for (let n = 0; !signal.aborted; n++) {
        yield n;
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
      signal.throwIfAborted();
    },
  }),
  op({
    ...use,
    name: "file",
    summary: "Give bytes, and fail on the way if asked to",
    effect: "read",
    gives: "bytes",
    input: v.strictObject({
      sizeBytes: SizeBytes,
      failAt: v.optional(SizeBytes),
      text: v.optional(v.boolean(), true),
    }),
    run: (_, { sizeBytes, failAt, text }) => ({
      mediaType: text ? "text/plain" : "application/octet-stream",
      sizeBytes,
      etag: `e${sizeBytes}`,
      fileName: "\u00e4 b.txt",
      open: (range) => pattern(range ?? { start: 0, end: sizeBytes }, failAt),
    }),
  }),
  op({
    ...use,
    name: "store",
    summary: "Take bytes",
    effect: "write",
    takes: "bytes",
    input: v.strictObject({ name: v.string(), tags: v.optional(v.array(v.string())) }),
    output: v.strictObject({
      name: v.string(),
      tags: v.array(v.string()),
      sizeBytes: v.number(),
      sha256: v.string(),
    }),
    cli: { positional: ["name"] },
    run: async (_, { name, tags = [] }, { bytes }) => {
      const hash = createHash("sha256");
      let sizeBytes = 0;
      for await (const chunk of bytes) {
        hash.update(chunk);
        sizeBytes += chunk.length;
      }
      return { name, tags, sizeBytes, sha256: hash.digest("hex") };
    },
  }),
  op({
    ...use,
    name: "measure",
    summary: "Take bytes and count them as they come",
    effect: "write",
    takes: "bytes",
    gives: "items",
    input: v.strictObject({}),
    output: v.strictObject({ total: v.number() }),
    run: async function* (_, __, { bytes }) {
      let total = 0;
      for await (const chunk of bytes) total += chunk.length;
      yield { total };
    },
  }),
  op({
    ...use,
    name: "chat",
    summary: "Answer each message",
    effect: "write",
    takes: "messages",
    gives: "items",
    input: v.strictObject({ greeting: v.optional(v.string(), "hello") }),
    message: v.strictObject({ say: v.string() }),
    output: v.strictObject({ heard: v.string() }),
    run: async function* (_, { greeting }, { messages }) {
      yield { heard: greeting };
      for await (const { say } of messages) yield { heard: say };
    },
  }),
];

const hidden: readonly Operation<null>[] = [
  op({
    ...use,
    name: "near",
    summary: "Only where the node is",
    effect: "read",
    surfaces: ["http", "cli"],
    input: v.strictObject({}),
    output: v.string(),
    examples: [{ input: {}, output: "near" }],
    run: () => "near",
  }),
  op({
    ...use,
    name: "far",
    summary: "Only between nodes",
    effect: "read",
    surfaces: ["mesh"],
    input: v.strictObject({}),
    output: v.string(),
    examples: [{ input: {}, output: "far" }],
    run: () => "far",
  }),
];

export const sampleModule = defineModule({
  id: "sample",
  summary: "One operation of every shape",
  config: v.strictObject({}),
  permissions: { "sample.use": { summary: "Use the samples" } },
  requires: {},
  provides: {},
  operations: [...values, ...streams, ...hidden],
  start: () => ({ state: null, services: {} }),
});

/** Bytes whose value is their offset, so that every range can be told. */
async function* pattern(
  { start, end }: { readonly start: number; readonly end: number },
  failAt: number | undefined,
): AsyncGenerator<Uint8Array> {
  const chunkBytes = 30_000;
  for (let at = start; at < end; at += chunkBytes) {
    if (failAt !== undefined && at >= failAt)
      throw new OperoneError("conflict", "The bytes ended in an error");
    yield Uint8Array.from({ length: Math.min(chunkBytes, end - at) }, (_, i) => (at + i) % 251);
  }
}
