import { afterAll, beforeAll, expect, test } from "bun:test";
import { done, meshPair, residentMb, started } from "./mesh-node.ts";
import { cleanUp, type TestNode } from "./node.ts";

/** 1 GB by hand: OPERONE_TEST_BULK_MB=1000. */
const bulkMb = Number(process.env.OPERONE_TEST_BULK_MB ?? 128);
const sizeBytes = bulkMb * 1_000_000;
const chunk = new Uint8Array(1_000_000);
/** Of each process, above what it had before. */
const growthMbMax = 150;
const sampleMs = 50;

let a: TestNode;
let b: TestNode;

beforeAll(async () => {
  ({ a, b } = await meshPair());
  // What the first bytes cost is no growth: code that is compiled, and a heap of its usual size.
  const warm = [
    "shell",
    "run",
    "--profile",
    "unconfined",
    "--node",
    "b",
    "--",
    "sh",
    "-c",
    "yes | head -c 30000000",
  ];
  await done(a.run(warm, { stdin: new Uint8Array(1_000_000) }));
});
afterAll(cleanUp);

/** Highest resident memory above the first sample, in MB, by process, while the work goes on. */
async function growthDuring(
  pids: Readonly<Record<string, number>>,
  work: Promise<unknown>,
): Promise<Record<string, number>> {
  const first = Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, residentMb(pid)]));
  const growth: Record<string, number> = {};
  let over = false;
  const end = work.finally(() => {
    over = true;
  });
  while (!over) {
    for (const [name, pid] of Object.entries(pids))
      growth[name] = Math.max(growth[name] ?? 0, Math.round(residentMb(pid) - (first[name] ?? 0)));
    await Promise.race([end, Bun.sleep(sampleMs)]);
  }
  await end;
  return growth;
}

function expectFlat(growth: Record<string, number>): void {
  expect(Object.entries(growth).filter(([, mb]) => mb > growthMbMax)).toEqual([]);
}

test("what goes into a command on the other node arrives to the last byte, in flat memory", async () => {
  const command = [
    "shell",
    "run",
    "--profile",
    "unconfined",
    "--node",
    "b",
    "--timeout-ms",
    "300000",
    "--",
    "wc",
    "-c",
  ];
  const running = await started(a, command, "pipe");
  const feed = async () => {
    for (let sent = 0; sent < bulkMb; sent += 1) {
      running.stdin.write(chunk);
      await running.stdin.flush();
    }
    await running.stdin.end();
    expect(await running.exited).toBe(0);
  };
  const startMs = performance.now();
  const growth = await growthDuring({ a: a.welcome.pid, b: b.welcome.pid, cli: running.pid }, feed());
  console.log(`in: ${Math.round(sizeBytes / (performance.now() - startMs) / 1_000)} MB/s`, growth);
  expect((await new Response(running.stdout).text()).trim()).toBe(String(sizeBytes));
  expectFlat(growth);
}, 300_000);

test("what a command on the other node writes arrives to the last byte, in flat memory", async () => {
  const limits = ["--timeout-ms", "300000", "--output-bytes-max", String(sizeBytes + 1_000)];
  const command = [
    "shell",
    "run",
    "--profile",
    "unconfined",
    "--node",
    "b",
    ...limits,
    "--",
    "sh",
    "-c",
    `yes | head -c ${sizeBytes}`,
  ];
  const running = await started(a, command, "ignore");
  let received = 0;
  const read = async () => {
    for await (const part of running.stdout) received += part.length;
    expect(await running.exited).toBe(0);
  };
  const startMs = performance.now();
  const growth = await growthDuring({ a: a.welcome.pid, b: b.welcome.pid, cli: running.pid }, read());
  console.log(`out: ${Math.round(sizeBytes / (performance.now() - startMs) / 1_000)} MB/s`, growth);
  expect(received).toBe(sizeBytes);
  expectFlat(growth);
}, 300_000);

test("a reader that stops reading stops the command, not the nodes", async () => {
  const command = [
    "shell",
    "run",
    "--profile",
    "unconfined",
    "--node",
    "b",
    "--",
    "head",
    "-c",
    "100000000",
    "/dev/zero",
  ];
  const running = await started(a, command, "ignore");
  const reader = running.stdout.getReader();
  expect((await reader.read()).done).toBe(false);
  // More than all the buffers on the way hold, if anybody read on.
  const growth = await growthDuring(
    { a: a.welcome.pid, b: b.welcome.pid, cli: running.pid },
    (async () => {
      for (let calls = 0; calls < 50; calls += 1) {
        const status = await a.fetch("/v1/node/status?node=b");
        expect(status.status).toBe(200);
        await status.arrayBuffer();
      }
    })(),
  );
  expectFlat(growth);
  running.kill("SIGKILL");
  await running.exited;
}, 60_000);
