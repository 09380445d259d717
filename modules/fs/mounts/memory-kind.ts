/** Files in the node's memory: a place for what need not last. Empty after each start. */
import * as v from "valibot";
import type { OpenedKind } from "../mount-kind.ts";

const mebibyte = 1024 * 1024;

const settings = v.strictObject({
  bytesMax: v.optional(
    v.pipe(
      v.number(),
      v.integer(),
      v.minValue(1),
      v.maxValue(64 * 1024 * mebibyte),
      v.description("Of memory: what files and names may take together. Default: 64 MiB."),
    ),
    64 * mebibyte,
  ),
  entriesMax: v.optional(
    v.pipe(
      v.number(),
      v.integer(),
      v.minValue(1),
      v.maxValue(10_000_000),
      v.description("Of memory: files and directories that it may hold. Default: 100,000."),
    ),
    100_000,
  ),
});

export const memoryKind: OpenedKind<v.InferOutput<typeof settings>> = {
  id: "memory",
  summary: "The node's memory; empty after each start",
  settings,
  holdsOnlyCopy: true,
  async open({ bytesMax, entriesMax }, { nowMs, random }) {
    const { MemoryBackend } = await import("../memory/memory-backend.ts");
    return new MemoryBackend({ bytesMax, entriesMax, nowMs, random });
  },
};
