import { expect, test } from "bun:test";
import { simulatedClock, simulatedLog } from "../../src/kernel/simulated.ts";
import type { Identity } from "./contract.ts";
import { credentials } from "./credentials.ts";
import { ownerIdentity } from "./owner.ts";

const identity: Identity = ownerIdentity(new AbortController().signal);
const never = new Promise<never>(() => {});

function door(owner: Promise<{ authenticate(token: string): Identity | undefined }>) {
  const clock = simulatedClock();
  const log = simulatedLog();
  const counts: number[] = [];
  const refused = (count: number) => void counts.push(count);
  const nobody = async () => ({ authenticate: () => undefined });
  return { clock, log, counts, nobody, ...credentials({ owner, tokens: nobody, clock, log, refused }) };
}

test("the owner comes in while the store is still opening, or broken", async () => {
  const owner = Promise.resolve({ authenticate: () => identity });
  const { clock, log } = door(never);
  for (const tokens of [() => never, () => Promise.reject(new Error("no disk"))]) {
    const { authenticate, owner: socketOwner } = credentials({
      owner,
      tokens,
      clock,
      log,
      refused: () => {},
    });
    expect(await authenticate("opo_x")).toBe(identity);
    expect(socketOwner().caller.kind).toBe("owner");
  }
});

test("a token does not wait for the owner's file", async () => {
  expect(await door(never).authenticate("opt_x")).toBeUndefined();
});

test("a flood of wrong tokens gives one line and one record a minute, with the number", async () => {
  const { authenticate, clock, log, counts } = door(Promise.resolve({ authenticate: () => undefined }));
  for (let tried = 0; tried < 500; tried++) await authenticate(`opo_${tried}`);
  expect(counts).toEqual([1]);
  await clock.advance(60_000);
  expect(counts).toEqual([1, 499]);
  await clock.advance(600_000);
  await authenticate("x".repeat(1_000_000));
  expect(counts).toEqual([1, 499, 1]);
  expect(log.entries.map(({ fields }) => fields)).toEqual([
    { count: 1, total: 1 },
    { count: 499, total: 500 },
    { count: 1, total: 501 },
  ]);
  expect(JSON.stringify(log.entries)).not.toContain("opo_");
});
