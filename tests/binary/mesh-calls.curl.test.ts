import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { done, meshPair, started } from "./mesh-node.ts";
import { cleanUp, eventually, folder, isAlive, runProgram, type TestNode } from "./node.ts";

let a: TestNode;
let b: TestNode;

beforeAll(async () => {
  ({ a, b } = await meshPair());
});
afterAll(cleanUp);

const onB = (...argv: readonly string[]) => [
  "shell",
  "run",
  "--profile",
  "unconfined",
  "--node",
  "b",
  "--",
  ...argv,
];

test("a command runs on the other node in either direction, with its output, its errors and its exit code", async () => {
  const there = await a.run(onB("sh", "-c", "echo out; echo err >&2; exit 7"));
  expect(there).toEqual({ code: 7, stdout: "out\n", stderr: "err\n" });
  const back = await b.run(["shell", "run", "--profile", "unconfined", "--node", "a", "--", "echo", "hi"]);
  expect(back).toEqual({ code: 0, stdout: "hi\n", stderr: "" });
  const missing = await a.run(onB("/no/such/program"));
  expect(missing.code).toBe(125);
  expect(missing.stderr).toContain("/no/such/program");
});

test("stdin goes to the other node byte for byte, and its end too", async () => {
  const bytes = crypto.getRandomValues(new Uint8Array(60_000));
  const input = new Uint8Array(600_000).map((_, at) => bytes[at % bytes.length] ?? 0);
  const summed = await done(a.run(onB("sha256sum"), { stdin: input }));
  expect(summed.stdout).toStartWith(new Bun.CryptoHasher("sha256").update(input).digest("hex"));
  const echoed = await done(a.run(onB("cat"), { stdin: "some text" }));
  expect(echoed.stdout).toBe("some text");
});

test("output comes while the command runs", async () => {
  const gate = join(folder(), "gate");
  const running = await started(
    a,
    onB("sh", "-c", `echo one; until [ -e ${gate} ]; do sleep 0.02; done`),
    "ignore",
  );
  const reader = running.stdout.getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toBe("one\n");
  await Bun.write(gate, "");
  expect(await running.exited).toBe(0);
});

test("Ctrl-C here ends the whole process group there", async () => {
  const running = await started(a, onB("sh", "-c", "sleep 300 & echo $$ $!; wait"), "ignore");
  const reader = running.stdout.getReader();
  const pids = new TextDecoder()
    .decode((await reader.read()).value)
    .trim()
    .split(" ")
    .map(Number);
  expect(pids.length).toBe(2);
  expect(pids.every(isAlive)).toBe(true);
  running.kill("SIGINT");
  expect(await running.exited).toBe(130);
  expect(await eventually(() => !pids.some(isAlive))).toBe(true);
});

test("the end of the calling node ends its commands on the other one", async () => {
  const { a: caller, b: other } = await meshPair();
  const running = await started(caller, onB("sh", "-c", "sleep 300 & echo $$ $!; wait"), "ignore");
  const reader = running.stdout.getReader();
  const pids = new TextDecoder()
    .decode((await reader.read()).value)
    .trim()
    .split(" ")
    .map(Number);
  caller.signal("SIGKILL");
  expect(await running.exited).not.toBe(0);
  expect(await eventually(() => !pids.some(isAlive), 25_000)).toBe(true);
  await other.stop();
}, 60_000);

test("a message goes into a running command there and its answer comes back", async () => {
  const talking = await started(a, ["shell", "interact", "--node", "b", "--", "cat"], "pipe");
  talking.stdin.write(`${JSON.stringify({ stdin: "to and fro\n" })}\n`);
  talking.stdin.flush();
  const reader = talking.stdout.getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toContain("to and fro");
  talking.stdin.end();
  expect(await talking.exited).toBe(0);
});

test("curl on the socket reaches the other node with ?node=, and streams from it", async () => {
  const curl = (path: string, ...more: readonly string[]) =>
    runProgram(["curl", "-sS", "--unix-socket", a.welcome.socket, `http://operone${path}`, ...more]);
  const status = await done(curl("/v1/node/status?node=b"));
  expect(JSON.parse(status.stdout).name).toBe("b");
  const items = await done(
    curl(
      "/v1/shell/run?node=b",
      "-N",
      "-H",
      "accept: application/x-ndjson",
      "-H",
      "content-type: application/json",
      "-d",
      '{"argv":["echo","hi"],"profile":"unconfined"}',
    ),
  );
  const lines = items.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines[0].text).toBe("hi\n");
  expect(lines.at(-1).exit).toMatchObject({ code: 0 });
  const nobody = await done(curl("/v1/node/status?node=nobody", "-w", "%{http_code}"));
  expect(nobody.stdout).toEndWith("404");
  expect(nobody.stdout).toContain("there are: a, b");
});

test("every node is asked at once, and each answer names its node", async () => {
  const all = await done(a.run(["status", "--node", "all", "--json"]));
  const items = all.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(items.map(({ node, value }) => [node, value.name]).toSorted()).toEqual([
    ["a", "a"],
    ["b", "b"],
  ]);
  const bytes = await a.run([
    "shell",
    "run",
    "--profile",
    "unconfined",
    "--node",
    "all",
    "--stdin-file",
    "/dev/null",
    "--",
    "true",
  ]);
  expect([bytes.code, bytes.stderr]).toEqual([125, expect.stringContaining("one node")]);
  const everywhere = await done(
    a.run(["shell", "run", "--profile", "unconfined", "--node", "all", "--", "sh", "-c", "cat; echo done"]),
  );
  expect(everywhere.stdout.trim().split("\n").toSorted()).toEqual(["a: done", "b: done"]);
});

test("both nodes have the call in their audit, under one id", async () => {
  const response = await a.fetch("/v1/shell/run?node=b", {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/x-ndjson" },
    body: JSON.stringify({ argv: ["true"], profile: "unconfined" }),
  });
  const callId = response.headers.get("operone-call-id") ?? "none";
  await response.text();
  for (const node of [a, b]) {
    const exported = await (await node.call("access.audit-export")).text();
    const records = exported
      .split("\n")
      .filter((line) => line.includes(callId))
      .map((line) => JSON.parse(line));
    expect(records.length).toBeGreaterThan(0);
    expect(records.every((record) => record.callId === callId)).toBe(true);
  }
});
