import { expect, test } from "bun:test";
import { simulatedClock, simulatedHost, simulatedLog, simulatedNames } from "../../src/kernel/simulated.ts";
import { meshKey, RosterNode, signerOf } from "../../tests/networking/roster-node.ts";
import { OwnFactsPublisher } from "./own-facts.ts";

async function setUp(member = true) {
  const clock = simulatedClock();
  const signer = await signerOf(1);
  const { ledger } = new RosterNode(signer, clock);
  if (member) await ledger.issue(meshKey, { subject: signer.peerId, role: "admin" });
  const log = simulatedLog();
  const names = simulatedNames("attic");
  let addresses = ["/ip4/10.0.0.1/tcp/6738"];
  let head: { readonly seq: number; readonly hash: string } | undefined;
  let failure: Error | undefined;
  let moved = 0;
  const facts = new OwnFactsPublisher(
    {
      clock,
      host: simulatedHost({ version: "1.2.3" }),
      log,
      names,
      labels: { gpu: "true" },
      announce: ["/dns4/box.example/tcp/6738", "/ip4/10.0.0.1/tcp/6738"],
      auditHead: async () => {
        if (failure !== undefined) throw failure;
        return head;
      },
    },
    ledger,
    signer,
    { addresses: () => addresses },
    () => {
      moved++;
    },
  );
  /** Signing takes turns of its own. */
  const settle = async (ms: number) => {
    await clock.advance(ms);
    for (let turn = 0; turn < 20; turn++) await clock.advance(0);
  };
  return {
    clock,
    facts,
    ledger,
    log,
    names,
    settle,
    own: () => ledger.factsOf(signer.peerId),
    moved: () => moved,
    move: (to: readonly string[]) => {
      addresses = [...to];
    },
    audit: (seq: number) => {
      head = { seq, hash: "a".repeat(64) };
    },
    fail: (error: Error | undefined) => {
      failure = error;
    },
  };
}

test("a node tells its name, version, labels and every address once", async () => {
  const { facts, own } = await setUp();
  await facts.tell();
  expect(own()).toMatchObject({
    name: "attic",
    version: "1.2.3",
    labels: { gpu: "true" },
    addresses: ["/dns4/box.example/tcp/6738", "/ip4/10.0.0.1/tcp/6738"],
  });
});

test("what says nothing new is not signed again, and a new name is", async () => {
  const { facts, own, names } = await setUp();
  await facts.tell();
  const first = own()?.sequence;
  await facts.tell();
  expect(own()?.sequence).toBe(first ?? -1);
  await names.rename("cellar");
  await facts.tell();
  expect(own()).toMatchObject({ name: "cellar" });
});

test("an address that changes is seen within seconds, told, and the links are tried anew", async () => {
  const { facts, own, move, moved, settle } = await setUp();
  facts.start();
  await settle(3_000);
  expect(moved()).toBe(0);
  move(["/ip4/192.168.1.9/tcp/6738"]);
  await settle(3_000);
  expect(moved()).toBe(1);
  expect(own()?.addresses).toContain("/ip4/192.168.1.9/tcp/6738");
  await settle(9_000);
  expect(moved()).toBe(1);
  facts.stop();
});

test("the head of the audit is told every ten minutes, and nothing after the end", async () => {
  const { facts, own, audit, settle, clock } = await setUp();
  facts.start();
  await settle(0);
  audit(7);
  await settle(5 * 60_000);
  expect(own()?.audit).toBeUndefined();
  await settle(6 * 60_000);
  expect(own()?.audit?.seq).toBe(7);
  facts.stop();
  audit(8);
  await settle(20 * 60_000);
  expect([own()?.audit?.seq, clock.timers]).toEqual([7, 0]);
});

test("a node that is no member says nothing, and a failure is logged and does not stop it", async () => {
  const outside = await setUp(false);
  await outside.facts.tell();
  expect(outside.own()).toBeUndefined();
  const { facts, log, fail, own } = await setUp();
  fail(new Error("the audit is closed"));
  await facts.tell();
  expect([own(), log.entries.at(-1)?.level]).toEqual([undefined, "error"]);
  fail(undefined);
  await facts.tell();
  expect(own()?.name).toBe("attic");
});
