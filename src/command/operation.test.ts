import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CliIo } from "../surface/cli-io.ts";
import { type RunningNode, startNode } from "./node.ts";
import { runOperation } from "./operation.ts";

const folder = mkdtempSync(join(tmpdir(), "oo-"));
let node: RunningNode;
beforeAll(async () => {
  node = await startNode({ directory: join(folder, "d"), settings: ["http.port=0"], background: true });
});
afterAll(async () => {
  await node.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function typed(directory: string, argv: readonly string[], stdin = "") {
  const said = { stdout: "", stderr: "" };
  const writer = (name: "stdout" | "stderr") => ({
    write: async (data: string | Uint8Array) => {
      said[name] += typeof data === "string" ? data : new TextDecoder().decode(data);
    },
  });
  async function* input() {
    yield new TextEncoder().encode(stdin);
  }
  const io: CliIo = {
    stdin: input(),
    stdout: writer("stdout"),
    stderr: writer("stderr"),
    isTty: { stdin: false, stdout: false, stderr: false },
    columns: 80,
    monotonicMs: () => 0,
    environment: {},
    signal: new AbortController().signal,
    readFile: input,
    writeFile: () => Promise.reject(new Error("nothing is written")),
  };
  return { code: await runOperation(directory, argv, io), ...said };
}

test("an operation goes to the node over its socket, as its owner on the command line", async () => {
  const who = await typed(node.paths.directory, ["whoami", "--json"]);
  expect(who.code).toBe(0);
  expect(JSON.parse(who.stdout).caller.kind).toBe("owner");
});

test("a command's output and exit code come through", async () => {
  const ran = await typed(
    node.paths.directory,
    ["shell", "run", "--", "sh", "-c", "cat; exit 7"],
    "typed in",
  );
  expect(ran).toEqual({ code: 7, stdout: "typed in", stderr: "" });
});

test("without a node the person is told how to start one", async () => {
  const refused = await typed(join(folder, "none"), ["status"]);
  expect(refused.code).toBe(15);
  expect(refused.stderr).toContain(
    `No node is running in ${join(folder, "none")}; start one with "operone up"`,
  );
});
