/** Confined commands through the operation: rights, previews, limits, secrets. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GrantSet } from "../../src/kernel/authority.ts";
import { Checks } from "../../src/kernel/ports.ts";
import { simulatedHost } from "../../src/kernel/simulated.ts";
import { systemProcesses } from "../../src/platform/processes.ts";
import { outcomeOf, type ShellNode, shellNode } from "../shell/shell-node.ts";

let folder = "";
let work = "";
let node: ShellNode;
beforeAll(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "operone-confined-")));
  work = join(folder, "work");
  mkdirSync(work);
  const host = simulatedHost({ dataDirectory: join(folder, "data") });
  node = await shellNode({ sandboxMemoryBytesMax: 2 ** 32 }, { db: Buffer.from("hunter2") }, { host });
});
afterAll(async () => {
  await node.kernel.stop();
  rmSync(folder, { recursive: true });
});

const set = (...grants: GrantSet["grants"]): GrantSet => ({ holder: "t", owner: false, grants });
const confined = (argv: readonly string[], more: Readonly<Record<string, unknown>> = {}) => ({
  argv,
  profile: "workspace",
  ...more,
});

test("the usual profile is the workspace, and its items are those of every command", async () => {
  const { stdout, stderr, exit } = await node.run({
    argv: ["sh", "-c", "echo out; echo err >&2; touch made; exit 4"],
    profile: undefined,
    workingDirectory: work,
  });
  expect([stdout.toString(), stderr.toString()]).toEqual(["out\n", "err\n"]);
  expect(exit).toMatchObject({ code: 4, signal: null, reason: "exited" });
});

test("stdin, secrets and variables reach a confined command, and limits of the node end it", async () => {
  const bytes = (async function* () {
    yield Buffer.from("from stdin\n");
  })();
  const input = confined(["sh", "-c", 'cat; echo "$PASSWORD $GREETING"; echo "$PASSWORD" | rev'], {
    secrets: { PASSWORD: "db" },
    environment: { GREETING: "hi" },
  });
  expect((await node.run(input, { bytes })).stdout.toString()).toBe("from stdin\n[secret db] hi\n2retnuh\n");
  const late = await node.run(
    confined(["sh", "-c", "trap '' TERM; sleep 60"], { timeoutMs: 100, killGraceMs: 50 }),
  );
  expect(late.exit.reason).toBe("timeout");
  const flood = await node.run(confined(["yes"], { outputBytesMax: 10 }));
  expect(flood.exit.reason).toBe("output_limit");
});

describe("a profile of the owner's", () => {
  const set = (scope: unknown): GrantSet => ({
    holder: "t",
    owner: false,
    grants: [{ permission: "shell.run", decision: "allow", scope: scope as "*" }],
  });
  let own: ShellNode;
  beforeAll(async () => {
    mkdirSync(join(folder, "out"));
    const mine = {
      base: "read-only",
      write: [join(folder, "out")],
      environment: { MODE: "fast" },
      inherit: ["PATH"],
      commands: ["sh **"],
      limits: { processesMax: 50 },
    };
    const host = simulatedHost({ dataDirectory: join(folder, "own-data") });
    own = await shellNode(
      { profiles: { mine, open: { network: "full" } } },
      { db: Buffer.from("x") },
      { host },
    );
  });
  afterAll(() => own.kernel.stop());

  test("holds for the command, whoever calls", async () => {
    const script = `echo $MODE; echo x >${folder}/out/made; echo x >made; true`;
    const { stdout, stderr, exit } = await own.run({
      argv: ["sh", "-c", script],
      profile: "mine",
      workingDirectory: work,
    });
    expect(stdout.toString()).toStartWith("fast\n");
    expect(stderr.toString()).toContain("Read-only");
    expect(exit).toMatchObject({ code: 0, reason: "exited", tier: "namespaces" });
    expect(readFileSync(join(folder, "out/made"), "utf8")).toBe("x\n");
  });

  test("allows no other command, variable or network, even to the owner", async () => {
    for (const [input, code] of [
      [{ argv: ["true"] }, "forbidden"],
      [{ argv: ["sh"], network: "full" }, "forbidden"],
      [{ argv: ["sh"], environment: { MODE: "slow" } }, "forbidden"],
      [{ argv: ["sh"], secrets: { MODE: "db" } }, "forbidden"],
      [{ argv: ["sh"], profile: "other" }, "invalid_input"],
    ] as const) {
      await expect(own.run({ profile: "mine", ...input })).rejects.toMatchObject({ code });
    }
  });

  test("is used by those whose grant names it, and brings them its network", async () => {
    const call = { argv: ["sh", "-c", "tail -n +3 /proc/net/dev | wc -l"], profile: "open" };
    const named = { sets: [set({ commands: ["sh **"], profiles: ["open"] })] };
    const other = { sets: [set({ commands: ["sh **"], network: "full" })] };
    await expect(own.run(call, other)).rejects.toMatchObject({ code: "forbidden" });
    const inside = await own.run(call, named);
    const outside = (await Bun.file("/proc/net/dev").text()).trim().split("\n").length - 2;
    expect(inside.stdout.toString().trim()).toBe(`${outside}`);
  });
});

test("a cancelled call ends the confined command", async () => {
  const abort = new AbortController();
  const items = await node.items(confined(["sh", "-c", "echo on; sleep 60"]), { signal: abort.signal });
  await items.next();
  abort.abort(new Error("enough"));
  await expect(outcomeOf(items)).rejects.toThrow();
});

test("the right to confined commands is enough for them, and for no other", async () => {
  const sets = [
    set({ permission: "shell.run", decision: "allow", scope: { commands: ["true"], workspaces: [work] } }),
  ];
  expect((await node.run(confined(["true"], { workspace: work }), { sets })).exit.code).toBe(0);
  for (const refused of [
    confined(["true"], { workspace: folder }),
    confined(["true"], { workspace: work, network: "full" }),
    confined(["false"], { workspace: work }),
    { argv: ["true"], profile: "unconfined" },
  ]) {
    await expect(node.run(refused, { sets })).rejects.toMatchObject({ code: "forbidden" });
  }
});

test("a person who is asked sees the profile, the workspace and the network", async () => {
  const sets = [set({ permission: "shell.run", decision: "ask", scope: "*" })];
  await node.run(confined(["true"], { workspace: work, network: "full" }), { sets });
  expect(node.asked.at(-1)).toMatchObject({
    argv: ["true"],
    profile: "workspace",
    workspace: work,
    network: "full",
  });
});

test("a node whose data directory is the home of its user, as a service's, confines too", async () => {
  const host = simulatedHost({ dataDirectory: join(folder, "service") });
  mkdirSync(host.dataDirectory);
  const processes = systemProcesses();
  const clean = { ...processes.cleanEnvironment(), HOME: host.dataDirectory };
  await using service = await shellNode(
    {},
    {},
    { host, processes: { ...processes, cleanEnvironment: () => clean } },
  );
  expect((await service.run(confined(["sh", "-c", "pwd"]))).stdout.toString()).toBe("/home/sandbox\n");
});

test("the diagnosis says that commands are confined", async () => {
  const check = node.kernel
    .service(Checks)
    .all()
    .find(({ name }) => name === "commands");
  expect(await check?.run(new AbortController().signal)).toMatchObject({ verdict: "ok" });
});
