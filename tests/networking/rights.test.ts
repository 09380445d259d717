/** What a node that was let into the mesh may do on another one: never more than both sides and the caller allow. */
import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { roleNames } from "../../modules/access/contract.ts";
import type { OperoneError } from "../../src/kernel/error.ts";
import {
  connected,
  joinMesh,
  type MeshNode,
  refusalOf,
  removeMeshNodes,
  startMeshNode,
  until,
} from "./mesh-node.ts";

// Nothing takes so long; a busy machine must not make a difference.
setDefaultTimeout(60_000);

let here: MeshNode;
let there: MeshNode;
/** Only for what would last beyond one test. */
let third: MeshNode;
beforeAll(async () => {
  [here, there, third] = await Promise.all([
    startMeshNode({ name: "here" }),
    startMeshNode({ name: "there" }),
    startMeshNode({ name: "third" }),
  ]);
  await joinMesh(there, here);
  await joinMesh(there, third);
  await connected(here, there, third);
});
beforeEach(async () => {
  await allow("admin", "admin");
  there.gauge.ran.length = 0;
});
afterAll(removeMeshNodes);

/** What `here` is in the mesh, and at most on `there`. */
async function allow(role: string, cap: string): Promise<void> {
  await there.given("networking.role", { peer: here.mesh().peerId, role }).catch((error) => {
    if (error.code !== "conflict") throw error;
  });
  await there.given("networking.allow", { role: cap });
}

const node = "there";
const never = new AbortController().signal;
const codeOf = async (work: Promise<unknown>) =>
  await work.then(
    () => "ok",
    (error: OperoneError) => error.code,
  );

test("being let in is no right to run anything: with the default of join the others see the state and no more", async () => {
  await there.given("networking.allow", { role: "observer" });
  expect(await codeOf(here.given("node.status", {}, { node }))).toBe("ok");
  const attempts: readonly (readonly [string, unknown])[] = [
    ["shell.run", { argv: ["true"] }],
    ["shell.interact", { argv: ["true"] }],
    ["node.stop", {}],
    ["node.log", {}],
    ["node.log-level", { level: "debug" }],
    ["access.audit-list", {}],
    ["access.approval-list", {}],
    ["sample.add", { a: 1, b: 1 }],
    ["gauge.count", {}],
    ["gauge.wipe", {}],
  ];
  for (const [operation, input] of attempts)
    expect([operation, await codeOf(here.given(operation, input, { node }))]).toEqual([
      operation,
      "forbidden",
    ]);
  expect(there.gauge.ran).toEqual([]);
});

test("for every role and every cap the owner of a joined node has the lesser of both here", async () => {
  const probes = {
    observer: ["node.status", {}],
    operator: ["node.log", { count: 1 }],
    admin: ["shell.run", { argv: ["true"], profile: "unconfined" }],
    owner: ["access.audit-list", { limit: 1 }],
  } as const;
  for (const role of roleNames) {
    for (const cap of roleNames) {
      await allow(role, cap);
      const least = Math.min(roleNames.indexOf(role), roleNames.indexOf(cap));
      for (const [at, [operation, input]] of Object.values(probes).entries()) {
        // An owner's own operations need what an admin has, and both sides' full trust.
        const may = at <= (least === 2 ? 3 : least);
        const code = await codeOf(here.given(operation, input, { node }));
        expect([role, cap, operation, code]).toEqual([role, cap, operation, may ? "ok" : "forbidden"]);
      }
    }
  }
});

test("a cap of one node counts before that of all", async () => {
  await there.given("networking.allow", { role: "observer", peer: "third" });
  expect(await codeOf(third.given("gauge.count", {}, { node }))).toBe("forbidden");
  expect(await codeOf(here.given("gauge.count", {}, { node }))).toBe("ok");
  await there.given("networking.allow", { role: "admin", peer: "third" });
  await there.given("networking.allow", { role: "observer" });
  expect(await codeOf(third.given("gauge.count", {}, { node }))).toBe("ok");
  expect(await codeOf(here.given("gauge.count", {}, { node }))).toBe("forbidden");
  expect((await there.refused("networking.allow", { role: "admin", peer: "there" })).code).toBe(
    "invalid_input",
  );
});

test("an agent that is limited to some commands here has no more there, though its node is admin there", async () => {
  const grants = [{ permission: "shell.unconfined", scope: { commands: ["echo **"] }, nodes: "*" }];
  const token = await here.token({ name: "bot", agent: true, grants, acceptWarnings: true });
  expect(
    await codeOf(here.given("shell.run", { argv: ["echo", "a"], profile: "unconfined" }, { node, token })),
  ).toBe("ok");
  const refused: readonly (readonly [string, unknown])[] = [
    ["shell.run", { argv: ["true"], profile: "unconfined" }],
    ["shell.run", { argv: ["/bin/sh", "-c", "true"], profile: "unconfined" }],
    ["shell.interact", { argv: ["true"], profile: "unconfined" }],
    ["gauge.count", {}],
    ["node.status", {}],
    ["access.audit-list", {}],
    ["access.approval-approve", { approval: "x" }],
  ];
  for (const [operation, input] of refused)
    expect([operation, await codeOf(here.given(operation, input, { node, token }))]).toEqual([
      operation,
      "forbidden",
    ]);
  expect(there.gauge.ran).toEqual([]);
  const told = await here.refused("shell.run", { argv: ["true"], profile: "unconfined" }, { node, token });
  expect(told.message).toContain("bot@here");
});

test("a token whose grants name no nodes, only self, or another node reaches no other node", async () => {
  const sets: Readonly<Record<string, object>> = {
    plain: {},
    own: { nodes: ["self"] },
    other: { nodes: ["elsewhere"] },
    nobody: { nodes: [] },
  };
  for (const [name, nodes] of Object.entries(sets)) {
    const token = await here.token({ name, grants: [{ permission: "gauge.use", scope: "*", ...nodes }] });
    const local = await codeOf(here.given("gauge.count", {}, { token }));
    expect([name, local]).toEqual([name, name === "plain" || name === "own" ? "ok" : "forbidden"]);
    expect([name, await codeOf(here.given("gauge.count", {}, { node, token }))]).toEqual([name, "forbidden"]);
    expect([name, await codeOf(here.given("gauge.count", {}, { node: there.mesh().peerId, token }))]).toEqual(
      [name, "forbidden"],
    );
  }
  expect(there.gauge.ran).toEqual([]);
  const token = await here.token({
    name: "far",
    grants: [{ permission: "gauge.use", scope: "*", nodes: ["there"] }],
  });
  expect(await codeOf(here.given("gauge.count", {}, { node, token }))).toBe("ok");
  expect(await codeOf(here.given("gauge.count", {}, { token }))).toBe("forbidden");
});

test("whoever may do it nowhere does not learn which nodes there are", async () => {
  const token = await here.token({ name: "blind" });
  const [known, unknown] = [
    await here.refused("gauge.count", {}, { node, token }),
    await here.refused("gauge.count", {}, { node: "nowhere", token }),
  ];
  expect([known.code, unknown.code]).toEqual(["forbidden", "forbidden"]);
});

test("a revoked token ends its call there too", async () => {
  const grants = [{ permission: "gauge.use", scope: "*", nodes: "*" }];
  const token = await here.token({ name: "short", grants });
  const call = refusalOf(here.given("gauge.hold", {}, { node, token }));
  await until(() => there.gauge.running() === 1);
  await here.given("access.token-revoke", { token: "short" });
  expect((await call).code).toBe("unauthenticated");
  await until(() => there.gauge.running() === 0);
});

test("rights that are lowered while calls run end them, of either shape", async () => {
  const lower: readonly (() => Promise<unknown>)[] = [
    () => there.given("networking.allow", { role: "observer" }),
    () => there.given("networking.role", { peer: "here", role: "observer" }),
  ];
  for (const act of lower) {
    await allow("admin", "admin");
    const calls = [
      refusalOf(here.given("gauge.hold", {}, { node })),
      refusalOf(here.given("gauge.drip", {}, { node })),
    ];
    await until(() => there.gauge.running() === 2);
    await act();
    expect((await Promise.all(calls)).map(({ code }) => code)).toEqual(["forbidden", "forbidden"]);
    await until(() => there.gauge.running() === 0);
  }
});

test("saying again what others may be leaves running calls alone", async () => {
  const call = here.given("gauge.hold", {}, { node });
  await until(() => there.gauge.running() === 1);
  await there.given("networking.allow", { role: "admin" });
  there.gauge.release();
  expect(await call).toBe("x");
});

test("what a person must approve waits where it runs, and is answered from the asking node", async () => {
  const grants = [
    { permission: "gauge.wipe", scope: { prefix: "" }, decision: "ask", nodes: "*" },
    { permission: "gauge.use", scope: "*", nodes: "*" },
  ];
  const token = await here.token({ name: "asker", agent: true, grants });
  const call = here.given("gauge.wipe", { text: "disk" }, { node, token });
  const waiting = async () =>
    (await here.given("access.approval-list", {}, { node })) as {
      approvals: { id: string; caller: unknown }[];
    };
  await until(async () => (await waiting()).approvals.length === 1);
  expect(there.gauge.ran).toEqual([]);
  expect(await here.given("access.approval-list")).toEqual({ approvals: [] });
  const [approval] = (await waiting()).approvals;
  expect(approval).toMatchObject({ caller: { kind: "agent", name: "asker@here" }, operation: "gauge.wipe" });
  const id = approval?.id;
  expect(await here.given("access.approval-show", { approval: id }, { node })).toMatchObject({
    preview: { wipes: "disk" },
  });
  // It cannot answer itself, here or there.
  for (const options of [{ token }, { token, node }])
    expect((await here.refused("access.approval-approve", { approval: id }, options)).code).toBe("forbidden");
  await here.given("access.approval-approve", { approval: id }, { node });
  expect(await call).toBe("disk");
  expect(there.gauge.ran).toEqual(["disk"]);
});

test("an approval holds for that caller and that input alone", async () => {
  const grants = [
    { permission: "gauge.wipe", scope: { prefix: "" }, decision: "ask", nodes: "*" },
    { permission: "gauge.use", scope: "*", nodes: "*" },
  ];
  const [one, two] = [await here.token({ name: "one", grants }), await here.token({ name: "two", grants })];
  // Its caller leaves, so that the approval is there for a repetition.
  const gone = new AbortController();
  const left = refusalOf(here.given("gauge.wipe", { text: "a" }, { node, token: one, signal: gone.signal }));
  const listed = async () =>
    ((await here.given("access.approval-list", {}, { node })) as { approvals: { id: string }[] }).approvals;
  await until(async () => (await listed()).length === 1);
  gone.abort();
  await left;
  await here.given("access.approval-approve", { approval: (await listed())[0]?.id }, { node });
  for (const [text, token] of [
    ["b", one],
    ["a", two],
  ] as const) {
    const cancel = new AbortController();
    const call = refusalOf(here.given("gauge.wipe", { text }, { node, token, signal: cancel.signal }));
    await until(async () => (await listed()).length > 0);
    cancel.abort();
    await call;
    const [waits] = await listed();
    await here.given("access.approval-deny", { approval: waits?.id }, { node });
  }
  expect(there.gauge.ran).toEqual([]);
  expect(await here.given("gauge.wipe", { text: "a" }, { node, token: one })).toBe("a");
  expect(there.gauge.ran).toEqual(["a"]);
});

interface Recorded {
  readonly kind: string;
  readonly callId: string;
  readonly inputDigest: string;
  readonly code: string;
  readonly note?: { readonly node?: string };
  readonly surface: string;
}
const auditOf = async (from: MeshNode, operation: string) =>
  ((await from.given("access.audit-list", { operation, limit: 10 })) as Recorded[]).filter(
    ({ kind }) => kind === "outcome",
  );

test("both audits hold the same call and input, and the sender's says where it went", async () => {
  const cases: readonly (readonly [string, unknown, string])[] = [
    ["gauge.count", { text: "q" }, "ok"],
    ["gauge.wipe", {}, "ok"],
    ["node.status", {}, "ok"],
    ["shell.run", { argv: ["true"], profile: "unconfined" }, "ok"],
  ];
  for (const [operation, input, code] of cases) {
    await here.given(operation, input, { node });
    const [[sent], [ran]] = await Promise.all([auditOf(here, operation), auditOf(there, operation)]);
    expect(sent).toMatchObject({ note: { node }, code });
    expect(ran).toMatchObject({ surface: "mesh", code });
    expect(ran?.note?.node).toBeUndefined();
    expect([operation, ran?.callId, ran?.inputDigest]).toEqual([operation, sent?.callId, sent?.inputDigest]);
    expect(sent?.inputDigest).toMatch(/^[0-9a-f]{64}$/);
  }
});

test("a refusal over there is in both audits, under one call", async () => {
  await there.given("networking.allow", { role: "observer" });
  const callId = "refused-call-1";
  await here.refused("gauge.count", {}, { node, callId });
  const all = async (from: MeshNode) => (await from.given("access.audit-list", { callId })) as Recorded[];
  expect(await all(here)).toMatchObject([{ kind: "outcome", code: "forbidden", note: { node } }]);
  expect(await all(there)).toMatchObject([{ kind: "denial", code: "forbidden" }]);
});

test("a removed node's calls end, and it opens nothing after", async () => {
  const gone = third;
  const calls = [
    refusalOf(gone.given("gauge.hold", {}, { node })),
    refusalOf(gone.given("gauge.drip", {}, { node })),
  ];
  await until(() => there.gauge.running() === 2);
  await there.given("networking.remove", { peer: "third" });
  await until(() => there.gauge.running() === 0);
  for (const { code } of await Promise.all(calls)) expect(["forbidden", "outcome_unknown"]).toContain(code);
  there.gauge.ran.length = 0;
  for (const operation of ["gauge.count", "node.version", "node.status"]) {
    const { code } = await gone.refused(operation, {}, { node });
    expect(["forbidden", "unavailable", "not_found"]).toContain(code);
  }
  expect(there.gauge.ran).toEqual([]);
  const unlinked = (from: MeshNode, to: MeshNode) =>
    from
      .mesh()
      .transport.links()
      .every(({ peerId }) => peerId !== to.mesh().peerId);
  await until(() => unlinked(there, gone) && unlinked(gone, there));
  // Not to enrol either, though an invite is open: a removed key never returns.
  await there.given("networking.invite", { qr: false });
  const door = await refusalOf(
    gone.mesh().transport.dial(there.mesh().peerId, there.mesh().transport.addresses(), never),
  );
  expect(door.code).toBe("forbidden");
  // It heard of it before.
  expect(await gone.given("networking.mesh")).toMatchObject({ state: "removed" });
  // Its own name still means itself.
  expect(await gone.given("gauge.count", {}, { node: "third" })).toBe(1);
});
