import { expect, test } from "bun:test";
import { simulatedClock } from "../../src/kernel/simulated.ts";
import { networkingChecks } from "./checks.ts";

interface Faults {
  readonly removed?: boolean;
  readonly admins?: readonly string[];
  readonly addresses?: readonly string[];
  readonly shortened?: readonly string[];
  /** How far the other node's clock is off. */
  readonly offMs?: number;
  readonly unreachable?: readonly string[];
}

test("in no mesh one check says so, and the others have nothing to say", async () => {
  const checks = networkingChecks(async () => ({ networking: { active: undefined } }) as never);
  const findings = await Promise.all(checks.map(({ run }) => run(new AbortController().signal)));
  expect(findings.filter((finding) => finding !== undefined)).toEqual([
    { verdict: "ok", found: expect.stringContaining("in no mesh") },
  ]);
});

async function found(name: string, faults: Faults): Promise<readonly string[]> {
  const clock = simulatedClock();
  const active = {
    peerId: "me",
    ledger: { roster: { isRemoved: () => faults.removed === true, admins: () => faults.admins ?? ["me"] } },
    nodes: () => [
      { peerId: "me", name: "me", self: true, connected: true },
      { peerId: "pi", name: "pi", self: false, connected: true },
    ],
    transport: { addresses: () => faults.addresses ?? ["/ip4/10.0.0.1/tcp/6738"] },
    news: { shortenedAudits: () => faults.shortened ?? [] },
    ownCall: async (_peerId: string, operation: string) =>
      operation === "networking.hello"
        ? { nowMs: clock.nowMs() + (faults.offMs ?? 0) }
        : { reachable: [], unreachable: faults.unreachable ?? [] },
  };
  const parts = { networking: { active }, clock };
  const check = networkingChecks(async () => parts as never).find((one) => one.name === name);
  const finding = await check?.run(new AbortController().signal);
  return [finding?.verdict ?? "none", finding?.found ?? "", finding?.fix ?? ""];
}

test("what is wrong with the mesh is named with what to do about it", async () => {
  const cases = [
    ["mesh", { removed: true }, "failure", "operone leave"],
    ["mesh", { admins: [] }, "failure", "operone recover"],
    ["mesh port", { addresses: [] }, "failure", "addresses"],
    ["mesh audits", { shortened: ["pi"] }, "failure", "audit"],
    ["mesh clocks", { offMs: -60_000 }, "warning", "NTP"],
    ["mesh reach", { unreachable: ["/ip4/10.0.0.1/tcp/6738"] }, "warning", "firewall"],
  ] as const;
  for (const [name, faults, verdict, fix] of cases) {
    const [is, , next] = await found(name, faults);
    expect([name, is, next]).toEqual([name, verdict, expect.stringContaining(fix)]);
  }
  expect((await found("mesh clocks", { offMs: -60_000 }))[1]).toContain("pi by -60 s");
});

test("what is right is said to be right", async () => {
  for (const name of ["mesh", "mesh port", "mesh audits", "mesh clocks"])
    expect([name, (await found(name, {}))[0]]).toEqual([name, "ok"]);
});
