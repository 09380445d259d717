import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Children, type ChildrenPorts } from "../../modules/shell/children.ts";
import { ContainedChildren } from "../../modules/shell/contract.ts";
import { Sandbox, type SandboxPorts } from "../../modules/shell/sandbox.ts";
import { simulatedHost, simulatedLog } from "../../src/kernel/simulated.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { readProcessTable } from "../../src/platform/process-table.ts";
import { systemProcesses } from "../../src/platform/processes.ts";
import { type ProgramParts, programParts } from "../../src/platform/program-parts.ts";
import { shellNode } from "./shell-node.ts";

// Nothing takes so long; a busy machine must not make a difference.
setDefaultTimeout(60_000);

const folder = mkdtempSync(join(tmpdir(), "operone-children-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const limits = { timeMsMax: 20_000, memoryBytesMax: 256 * 2 ** 20, outputBytesMax: 2 ** 20 };
const host = simulatedHost({ dataDirectory: folder });
async function* nothing(): AsyncGenerator<Uint8Array> {}

async function probed(request: object, more: Partial<typeof limits> = {}): Promise<unknown> {
  await using node = await shellNode({}, {}, { host });
  return await ran(node.kernel.service(ContainedChildren), request, more);
}

async function ran(children: ContainedChildren, request: object, more: Partial<typeof limits> = {}) {
  const signal = new AbortController().signal;
  const task = { request, input: nothing(), limits: { ...limits, ...more }, holder: "test", signal };
  const said = await Array.fromAsync(children.run("shell/probe", task)).catch((error) => error);
  const left = [...readProcessTable().values()].filter((row) => row.parent === process.pid);
  expect(left).toEqual([]);
  return said;
}

/** Children of a machine that differs from this one. */
function childrenOf(machine: Partial<SandboxPorts>, parts?: ChildrenPorts["parts"]): Children {
  const processes = systemProcesses();
  const all = {
    ...{ cpuSecondsMax: 600, memoryBytesMax: 2 ** 32, processesMax: 256, openFilesMax: 256 },
    ...{ fileBytesMax: 2 ** 20, diskBytesMax: 2 ** 20, scratchBytesMax: 2 ** 20 },
  };
  const sandbox = new Sandbox({ processes, dataDirectory: folder, home: "/home/nobody", ...machine }, all);
  const ports = { clock: systemClock(), log: simulatedLog(), processes, sandbox: async () => sandbox };
  return new Children(parts === undefined ? ports : { ...ports, parts }, 4);
}

const refused = { refused: expect.any(String) };

test("a child sees nothing of the machine but this program, and the diagnosis says so", async () => {
  await using node = await shellNode({}, {}, { host });
  const children = node.kernel.service(ContainedChildren);
  expect(await children.containment()).toEqual({ ready: true, by: "namespaces" });
});

test("a child can read no file, reach no port, start no program, and has no environment", async () => {
  const secret = join(folder, "secret.txt");
  writeFileSync(secret, "secret");
  using server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const asked = { read: secret, connect: server.port, start: "/bin/true" };
  expect(await probed(asked)).toEqual([refused, refused, refused, { received: 0, environment: [] }]);
  expect(await probed({ read: "/etc/passwd" })).toMatchObject([refused, {}]);
  // It may have a /tmp of its own, and the machine's stays as it is.
  await probed({ write: secret });
  expect(readFileSync(secret, "utf8")).toBe("secret");
});

test("a child is dead soon after its time is over, and when it says too much or what is no frame", async () => {
  expect(await probed({ spin: true }, { timeMsMax: 500 })).toMatchObject({ code: "deadline" });
  expect(await probed({ grow: true })).toMatchObject({ code: "too_large" });
  expect(await probed({ chatter: true })).toMatchObject({ code: "too_large" });
  expect(await probed({ babble: true })).toMatchObject({ code: "invalid_input" });
});

test("a program that lies in a folder for temporary files, and in the data directory, can contain itself", async () => {
  const data = join(folder, "data");
  mkdirSync(data);
  const copy = join(data, "bun");
  copyFileSync(process.execPath, copy);
  const children = childrenOf({ dataDirectory: data }, async () => {
    const { words, paths } = await programParts();
    const moved = (path: string) => (path === process.execPath ? copy : path);
    return { words: words.map(moved), paths: paths.map(moved) };
  });
  expect(await children.containment()).toMatchObject({ ready: true });
  writeFileSync(join(data, "node.key"), "secret");
  expect(await ran(children, { read: join(data, "node.key"), start: "/bin/true" })).toMatchObject([
    refused,
    refused,
    {},
  ]);
});

test("where no sandbox works nothing runs, and the error says what to do", async () => {
  const install = async () => ({ why: "it is another system", fix: "use Linux" });
  const children = childrenOf({ install });
  expect(await children.containment()).toEqual({
    ready: false,
    why: "it is another system",
    fix: "use Linux",
  });
  expect(await ran(children, {})).toMatchObject({
    code: "unsupported",
    message: expect.stringContaining("it is another system; use Linux, or ask another node"),
  });
});

test("a sandbox in which a child sees more than the program, or cannot run, is none", async () => {
  const leaky = childrenOf({}, async () => {
    const { words, paths } = await programParts();
    return { words, paths: [...paths, "/etc"] };
  });
  expect(await leaky.containment()).toMatchObject({ ready: false, why: expect.stringContaining("saw more") });
  expect(await ran(leaky, {})).toMatchObject({ code: "unsupported" });
  const broken = childrenOf({}, async () => ({ words: ["/no/such/program"], paths: [] }));
  expect(await broken.containment()).toMatchObject({ ready: false });
  expect(await ran(broken, {})).toMatchObject({ code: "unsupported" });
});

/** The program in a folder that everybody may read: the lower tiers cannot show files as another user's. */
async function readableParts(): Promise<ProgramParts> {
  const open = join(folder, "open");
  const program = join(open, "bun");
  mkdirSync(open);
  copyFileSync(process.execPath, program);
  const main = resolve(import.meta.dir, "../../src/main.ts");
  const built = await Bun.build({ entrypoints: [main], outdir: open, target: "bun" });
  expect(built.success).toBe(true);
  for (const path of [folder, open, program]) chmodSync(path, 0o755);
  const { paths } = await programParts();
  const libraries = paths.filter((path) => /\.so(\.[\d.]+)?$/.test(path));
  return { words: [program, join(open, "main.js")], paths: [...libraries, open] };
}

test("the lower tiers hold a child too", async () => {
  const parts = await readableParts();
  for (const only of ["bubblewrap", "lock"] as const) {
    const elsewhere = mkdtempSync(join(tmpdir(), "operone-children-data-"));
    const children = childrenOf({ only, allowDegraded: true, dataDirectory: elsewhere }, async () => parts);
    expect(await children.containment()).toEqual({ ready: true, by: only });
    const asked = { read: "/etc/passwd", start: "/bin/true" };
    expect(await ran(children, asked)).toMatchObject([refused, refused, {}]);
    rmSync(elsewhere, { recursive: true });
  }
});

test("what the input throws is what the caller hears, and a node that stops ends its children", async () => {
  const children = childrenOf({});
  const input = (async function* () {
    yield new Uint8Array(10);
    throw new Error("the disk is gone");
  })();
  const signal = new AbortController().signal;
  const reading = Array.fromAsync(
    children.run("shell/probe", { request: {}, input, limits, holder: "test", signal }),
  );
  await expect(reading).rejects.toThrow("the disk is gone");
  const spinning = ran(children, { spin: true });
  await Bun.sleep(0);
  await children.stop();
  expect(await spinning).toMatchObject({ code: "unavailable" });
});
