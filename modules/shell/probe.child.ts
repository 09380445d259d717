/**
 * Tries what a contained child must not be able to do, and tells how it went. Without a request it says that children
 * work here at all.
 */
import * as v from "valibot";
import type { ChildInput } from "../../src/kernel/child-part.ts";
import {
  connectAttempt,
  readAttempt,
  startAttempt,
  writeAttempt,
} from "../../src/platform/outside-attempts.ts";

const Request = v.object({
  /** A file to read. */
  read: v.optional(v.string()),
  /** A file to write. */
  write: v.optional(v.string()),
  /** A port of the machine's loopback to connect to. */
  connect: v.optional(v.number()),
  /** A program to start. */
  start: v.optional(v.string()),
  /** Take memory until it is refused. */
  grow: v.optional(v.boolean()),
  /** Work for ever. */
  spin: v.optional(v.boolean()),
  /** Say what is no frame. */
  babble: v.optional(v.boolean()),
  /** Messages without end. */
  chatter: v.optional(v.boolean()),
});

export async function* child({ request, bytes }: ChildInput): AsyncGenerator<unknown> {
  const asked = v.parse(Request, request);
  if (asked.grow === true) grow();
  while (asked.spin === true);
  if (asked.babble === true) process.stdout.write("what is this?");
  while (asked.chatter === true) yield "x".repeat(1_000);
  const { read, write, connect, start } = asked;
  if (read !== undefined) yield await told(() => readAttempt(read));
  if (write !== undefined) yield await told(() => writeAttempt(write));
  if (connect !== undefined) yield await told(() => connectAttempt(connect));
  if (start !== undefined) yield await told(() => startAttempt(start));
  let received = 0;
  for await (const chunk of bytes) received += chunk.length;
  yield { received, environment: Object.keys(process.env).sort() };
}

async function told(work: () => unknown): Promise<{ readonly did: unknown } | { readonly refused: string }> {
  try {
    return { did: await work() };
  } catch (error) {
    return { refused: String(error) };
  }
}

function grow(): void {
  const taken: Uint8Array[] = [];
  for (;;) taken.push(new Uint8Array(16 * 1024 * 1024).fill(taken.length + 1));
}
