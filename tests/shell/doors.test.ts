/** Commands as callers see them: through HTTP, the command line and the mesh's frames. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GrantSet } from "../../src/kernel/authority.ts";
import { runCli } from "../../src/surface/cli.ts";
import { httpClient } from "../../src/surface/http-client.ts";
import { type CapturedOptions, capturedIo } from "../surface/captured-io.ts";
import { doorsOf } from "../surface/doors.ts";
import { memoryHttp } from "../surface/memory-http.ts";
import { alive, stubborn, until } from "./processes.ts";
import { caller, owner, type ShellNode, shellNode } from "./shell-node.ts";

let folder = "";
let node: ShellNode;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "operone-shell-"));
  node = await shellNode();
});
afterAll(async () => {
  await node.kernel.stop();
  rmSync(folder, { recursive: true, force: true });
});

const allBytes = Uint8Array.from({ length: 70_000 }, (_, index) => index % 256);

async function operone(argv: readonly string[], options: CapturedOptions = {}, set: GrantSet = owner) {
  const { view } = node.kernel;
  const http = memoryHttp(view, { caller, sets: [set] });
  const io = capturedIo(options);
  const client = httpClient({
    ...http,
    baseUrl: "http://operone",
    table: view.table,
    surface: "cli",
    frames: true,
  });
  const exit = await runCli({ argv, table: view.table, modules: [], commands: [], client, io });
  return { exit, out: io.out(), outBytes: io.outBytes(), err: io.err() };
}
const shellRun = ["shell", "run", "--profile", "unconfined"];
const run = (...words: readonly string[]) => operone([...shellRun, "--", ...words]);

test("every door gives the same bytes to and from a command", async () => {
  const attempt = {
    operation: "shell.run",
    input: { argv: ["cat"], profile: "unconfined" },
    bytes: allBytes,
  };
  const doors = doorsOf({ view: node.kernel.view, caller, sets: [owner] }).filter((door) =>
    door.fits(attempt, node.kernel.view.table.get(attempt.operation)),
  );
  expect(doors.map(({ name }) => name)).toEqual(["http", "http frames", "mesh", "command line"]);
  for (const door of doors) {
    const { code, given } = await door.call(attempt);
    const items = given as { readonly text?: string; readonly base64?: string; readonly exit?: unknown }[];
    const parts = items.map(({ text, base64 }) =>
      Buffer.from(text ?? base64 ?? "", text === undefined ? "base64" : "utf8"),
    );
    expect([door.name, code, Buffer.concat(parts).equals(allBytes)]).toEqual([door.name, "ok", true]);
    expect(items.at(-1)).toMatchObject({ exit: { code: 0, signal: null, reason: "exited" } });
  }
});

test("the command line is the command: its bytes, its streams, its exit code", async () => {
  const cat = await operone([...shellRun, "cat"], { stdin: allBytes });
  expect([cat.exit, cat.err, Buffer.from(cat.outBytes).equals(allBytes)]).toEqual([0, "", true]);
  expect(await run("sh", "-c", "printf out; printf err >&2; exit 3")).toMatchObject({
    exit: 3,
    out: "out",
    err: "err",
  });
  expect(await run("sh", "-c", "kill -TERM $$")).toMatchObject({ exit: 143, out: "", err: "" });
  expect((await run("true")).exit).toBe(0);
});

test("at the command line a limit of the node is told apart from the command's own end", async () => {
  const late = await operone([...shellRun, "--timeout-ms", "200", "--", "sleep", "30"]);
  expect([late.exit, late.err]).toEqual([124, expect.stringContaining("its time was over")]);
  const flood = await operone([...shellRun, "--output-bytes-max", "4", "--", "yes"]);
  expect([flood.exit, flood.out]).toEqual([125, "y\ny\n"]);
  for (const words of [["no-such-program"], ["/"], []]) {
    expect([words, (await run(...words)).exit]).toEqual([words, 125]);
  }
});

test("a reader of the command line that has seen enough ends the command", async () => {
  const { exit } = await operone([...shellRun, "--", "sh", "-c", `echo $$ >${folder}/pid; exec yes`], {
    stdoutBytesMax: 100_000,
  });
  expect(exit).toBe(0);
  await until(() => !alive(Number(readFileSync(join(folder, "pid"), "utf8"))));
});

test("Ctrl-C at the command line ends the whole group", async () => {
  const abort = new AbortController();
  const pids = join(folder, "pids");
  const running = operone(
    [...shellRun, "--kill-grace-ms", "200", "--", "sh", "-c", `(${stubborn}) >${pids}`],
    {
      signal: abort.signal,
    },
  );
  const numbers = () => (existsSync(pids) ? readFileSync(pids, "utf8").trim().split("\n").map(Number) : []);
  await until(() => numbers().length === 2);
  abort.abort();
  expect((await running).exit).toBe(130);
  await until(() => !numbers().some(alive));
});

test("what is not granted never runs, through no door", async () => {
  const marker = join(folder, "ran");
  const commands = ["touch", "sh -c true", "echo **"];
  const set: GrantSet = {
    holder: "token ci",
    owner: false,
    grants: [
      { permission: "shell.unconfined", scope: { commands }, decision: "allow" },
      { permission: "shell.unconfined", scope: { commands: ["touch **"] }, decision: "deny" },
    ],
  };
  const refused: readonly Readonly<Record<string, unknown>>[] = [
    { argv: ["touch", marker] },
    { argv: ["/usr/bin/touch", marker] },
    { argv: ["/bin/touch", marker] },
    { argv: [`touch ${marker}`] },
    { argv: ["sh", "-c", `touch ${marker}`] },
    { argv: ["env", "touch", marker] },
    { argv: ["./touch", marker], workingDirectory: "/bin" },
    { argv: ["echo"], environment: { PATH: folder } },
    { argv: ["echo"], secrets: { IFS: "x" } },
  ];
  for (const door of doorsOf({ view: node.kernel.view, caller, sets: [set] })) {
    for (const operation of ["shell.run", "shell.interact"]) {
      for (const input of refused.flatMap((one) => [one, { ...one, profile: "unconfined" }])) {
        const attempt = { operation, input };
        if (!door.fits(attempt, node.kernel.view.table.get(operation))) continue;
        const { code, given } = await door.call(attempt);
        expect([door.name, operation, input, code, given]).toEqual([
          door.name,
          operation,
          input,
          "forbidden",
          [],
        ]);
      }
    }
  }
  expect(existsSync(marker)).toBe(false);
  const allowed = await operone([...shellRun, "--", "echo", "a"], {}, set);
  expect([allowed.exit, allowed.out]).toEqual([0, "a\n"]);
});
