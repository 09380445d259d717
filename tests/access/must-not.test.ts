import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Caller, GrantSet } from "../../src/kernel/authority.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import type { SurfaceName } from "../../src/kernel/operation.ts";
import { removeNode, startNode, type TestNode } from "./node.ts";

let node: TestNode;
beforeEach(async () => {
  node = await startNode();
});
afterEach(() => removeNode(node));

/** As a surface calls it: whatever it is told about the caller. */
async function codeOf(
  operation: string,
  surface: SurfaceName,
  caller: Caller,
  sets: readonly GrantSet[],
): Promise<string> {
  const signal = AbortSignal.timeout(5_000);
  try {
    await node.kernel.view.call({ surface, operation, input: {}, caller, sets, signal });
    return "ok";
  } catch (error) {
    if (error instanceof OperoneError) return error.code;
    throw error;
  }
}

const ownerOperations = () =>
  [...node.kernel.view.table.values()].filter(({ needs }) => needs.includes("access.admin"));

describe("no token and no agent reaches an owner operation", () => {
  test("every operation of access but whoami is the owner's", () => {
    const open = [...node.kernel.view.table.values()].filter(
      ({ module, needs }) => module === "access" && !needs.includes("access.admin"),
    );
    expect(open.map(({ id }) => id)).toEqual(["access.whoami"]);
    expect(ownerOperations().length).toBeGreaterThanOrEqual(18);
  });

  test("not with every grant that can be written", async () => {
    const made = [
      await node.token({ name: "all", grant: ["*=*"], acceptWarnings: true }),
      await node.token({ name: "ask", ask: ["*=*"], acceptWarnings: true }),
      await node.token({ name: "admin", role: "admin", acceptWarnings: true, expiresIn: "never" }),
      await node.token({ name: "bot", role: "admin", agent: true, acceptWarnings: true }),
    ];
    for (const { token } of made) {
      const identity = await node.credentials.authenticate(token);
      if (identity === undefined) throw new Error("no identity");
      for (const { id, surfaces } of ownerOperations()) {
        for (const surface of surfaces) {
          const code = await codeOf(id, surface, identity.caller, identity.sets);
          expect([id, surface, code]).toEqual([id, surface, "forbidden"]);
        }
      }
    }
  });

  test("not with a set that names the permission, whoever made it", async () => {
    const caller: Caller = { kind: "agent", id: "a", name: "bot" };
    for (const scope of ["*", {}, undefined]) {
      for (const decision of ["allow", "ask"] as const) {
        const grants = [{ permission: "access.admin", scope, decision, nodes: "*" as const }];
        expect(
          await codeOf("access.token-create", "http", caller, [{ holder: "bot", owner: false, grants }]),
        ).toBe("forbidden");
      }
    }
    expect(await codeOf("access.token-create", "http", caller, [])).toBe("forbidden");
  });

  test("not by a grant, an ask or a deny that the owner could be talked into", async () => {
    const drafts = [
      { grant: ["access.admin=*"] },
      { ask: ["access.admin=*"] },
      { grants: [{ permission: "access.admin", scope: "*" }] },
    ];
    for (const draft of drafts) {
      expect((await node.refused("access.token-create", { name: "x", ...draft })).code).toBe("forbidden");
    }
  });
});

describe("no token and no agent widens itself", () => {
  test("a token that may only ask cannot answer itself", async () => {
    const { token } = await node.token({ name: "bot", agent: true, ask: ["*=*"], acceptWarnings: true });
    const outcome = node
      .call("demo.run", { command: "ls" }, { token })
      .catch((error: OperoneError) => error.code);
    await node.clock.advance(0);
    const { approvals } = (await node.call("access.approval-list")) as { approvals: { id: string }[] };
    const approval = approvals[0]?.id;
    for (const operation of ["access.approval-approve", "access.approval-show", "access.approval-deny"]) {
      expect((await node.refused(operation, { approval }, { token })).code).toBe("forbidden");
    }
    await node.call("access.approval-deny", { approval });
    expect(await outcome).toBe("forbidden");
    expect(node.ran).toEqual([]);
  });

  test("what whoami tells is a copy, and changing it changes nothing", async () => {
    const { token } = await node.token({ name: "ci", grant: ["demo.look=*"] });
    const told = (await node.call("access.whoami", {}, { token })) as {
      sets: { owner: boolean; grants: object[] }[];
    };
    const [set] = told.sets;
    if (set !== undefined) {
      set.owner = true;
      set.grants.push({ permission: "*", scope: "*", decision: "allow" });
    }
    expect((await node.refused("demo.run", { command: "ls" }, { token })).code).toBe("forbidden");
  });

  test("a token cannot pass for another by its name", async () => {
    const { token } = await node.token({ name: "owner" });
    const identity = await node.credentials.authenticate(token);
    expect(identity?.caller.kind).toBe("token");
    expect(identity?.sets.every(({ owner }) => !owner)).toBe(true);
    expect((await node.refused("access.token-list", {}, { token })).code).toBe("forbidden");
  });
});

test("a revoked or expired token gets in nowhere, and a call that runs under it ends", async () => {
  const revoked = await node.token({ name: "revoked", ask: ["demo.run=*"], acceptWarnings: true });
  const expired = await node.token({
    name: "expired",
    ask: ["demo.run=*"],
    expiresIn: "60s",
    acceptWarnings: true,
  });
  const running = [revoked, expired].map(({ token }) =>
    node.call("demo.run", { command: "ls" }, { token }).catch((error: OperoneError) => error),
  );
  await node.clock.advance(0);
  await node.call("access.token-revoke", { token: revoked.id });
  await node.clock.advance(60_000);
  expect(await Promise.all(running)).toMatchObject([
    { code: "unauthenticated", message: expect.stringContaining("was revoked") },
    { code: "unauthenticated", message: expect.stringContaining("has expired") },
  ]);
  for (const { token } of [revoked, expired])
    expect(await node.credentials.authenticate(token)).toBeUndefined();
  expect(node.ran).toEqual([]);
});

test("refusals and owner operations are in the audit, and the chain holds", async () => {
  const { token } = await node.token({ name: "ci" });
  await node.refused("demo.run", { command: "ls" }, { token });
  await node.call("access.token-revoke", { token: "ci" });
  await node.credentials.authenticate("opt_wrong");
  const records = (await node.call("access.audit-list")) as {
    kind: string;
    operation: string;
    code: string;
  }[];
  expect(records.map(({ kind, operation, code }) => `${kind} ${operation} ${code}`)).toEqual([
    "denial access.authenticate unauthenticated",
    "outcome access.token-revoke ok",
    "intent access.token-revoke pending",
    "denial demo.run forbidden",
    "outcome access.token-create ok",
  ]);
  expect(await node.call("access.audit-verify")).toMatchObject({ ok: true, records: 5 });
});
