/** The mesh: start, memory, calls, bulk, fan-out and many nodes. */
import { rmSync, writeFileSync } from "node:fs";
import type { Measurement, Subject } from "./measurements.ts";
import {
  accepts,
  enter,
  freePort,
  HereNode,
  inviteTo,
  joinMesh,
  type MeshNode,
  removeHomes,
  sees,
  settingsOf,
  spawnNode,
  startMeshNode,
  until,
} from "./mesh-node.ts";
import { compare, median, type Row } from "./rounds.ts";
import { openStockPair } from "./stock.ts";
import { newFolder, residentMb, startNode, startYardstick } from "./subjects.ts";
import { openWires, type Wires } from "./wire.ts";

const linkTimeoutMs = 30_000;
/** For a start to be over and its garbage to be collected. */
const idleMs = 6_000;
const far = "far";

async function start({ binary, yardsticks }: Subject): Promise<readonly Row[]> {
  const founder = await startMeshNode(binary, "founder");
  await founder.ask("networking.invite", { qr: false });
  await founder.stop();
  const toMeshMs = async () => {
    const port = await freePort();
    const beganMs = performance.now();
    const settings = settingsOf("founder", port).flatMap((setting) => ["--set", setting]);
    const child = spawnNode(binary, founder.home, settings);
    await until(() => accepts(port), linkTimeoutMs, "the mesh port", 0.5);
    const tookMs = performance.now() - beganMs;
    child.kill("SIGTERM");
    await child.exited;
    return tookMs;
  };
  const bareMs = async () => {
    const { startedMs, stop } = await startYardstick(yardsticks.bare);
    await stop();
    return startedMs;
  };
  const row = await compare({
    what: "exec to mesh listening",
    unit: "ms",
    goal: "< 100 ms",
    rounds: 15,
    subject: { name: "operone up", run: toMeshMs },
    yardstick: { name: "bare Bun.serve", run: bareMs },
  });
  removeHomes([founder]);
  return [row];
}

async function memory({ binary, yardsticks }: Subject): Promise<readonly Row[]> {
  const afterIdle = async ({ pid, stop }: { readonly pid: number; stop(): Promise<void> }) => {
    await Bun.sleep(idleMs);
    const mb = residentMb(pid);
    await stop();
    return mb;
  };
  const ports = [await freePort(), await freePort()];
  const homes = [newFolder(), newFolder()];
  // They find each other again only where they were.
  const startBoth = async (): Promise<readonly [MeshNode, MeshNode]> => [
    await startMeshNode(binary, "near", { home: homes[0], port: ports[0] }),
    await startMeshNode(binary, far, { home: homes[1], port: ports[1] }),
  ];
  const [near, other] = await startBoth();
  await joinMesh(near, other);
  for (const { stop } of [near, other]) await stop();
  const inMesh = async () => {
    const [first, second] = await startBoth();
    await until(() => sees(first, 2, 1), linkTimeoutMs, "the link");
    const mb = await afterIdle(first);
    await second.stop();
    return mb;
  };
  const row = { what: "RSS, in a mesh of two, idle", unit: "MB", goal: "< 60 MB", rounds: 3 };
  const subject = { name: "operone up", run: inMesh };
  const bare = { name: "bare Bun.serve", run: async () => afterIdle(await startYardstick(yardsticks.bare)) };
  const alone = { name: "without a mesh", run: async () => afterIdle(await startNode(binary)) };
  const rows = [
    await compare({ ...row, subject, yardstick: bare }),
    await compare({ ...row, subject, yardstick: alone }),
  ];
  removeHomes([near, other]);
  return rows;
}

interface Beside {
  readonly here: HereNode;
  readonly wires: Wires;
  /** A call to the other node, through the dispatchers of both. */
  call(): Promise<unknown>;
}

/** This process and a node of the binary in one mesh, and bare wires to a third process. */
async function beside(binary: string, measure: (use: Beside) => Promise<readonly Row[]>) {
  const here = await HereNode.start("here");
  const other = await startMeshNode(binary, far);
  const wires = await openWires();
  try {
    await joinMesh(here, other);
    await until(() => sees(here, 2, 1), linkTimeoutMs, "the link");
    return await measure({ here, wires, call: () => here.call("node.health", {}, { node: far }) });
  } finally {
    await wires.close();
    await other.stop();
    await here.stop();
    removeHomes([other]);
  }
}

/** Microseconds of each of `count` calls, one after the other. */
async function timesOf(once: () => Promise<unknown>, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const beganMs = performance.now();
    await once();
    times.push((performance.now() - beganMs) * 1_000);
  }
  return times.toSorted((a, b) => a - b);
}

const p50 = (once: () => Promise<unknown>) => async () => median(await timesOf(once, 1_000));
const p99 = (once: () => Promise<unknown>) => async () => (await timesOf(once, 1_000))[990] ?? Number.NaN;

const rate = (once: () => Promise<unknown>) => async () => {
  const calls = 10_000;
  let left = calls;
  const beganMs = performance.now();
  const caller = async () => {
    while (left-- > 0) await once();
  };
  await Promise.all(Array.from({ length: 32 }, caller));
  return calls / ((performance.now() - beganMs) / 1_000);
};

async function calls({ binary }: Subject): Promise<readonly Row[]> {
  const stock = await openStockPair();
  const rows = await beside(binary, async ({ wires, call }) => {
    const us = { unit: "us", rounds: 9 };
    const perSecond = { what: "mesh calls a second, 32 in flight", unit: "/s", rounds: 5 };
    const own = { name: "node.health over the mesh", run: rate(call) };
    const yardstick = (run: () => Promise<number>) => ({ name: "raw TCP", run });
    const middle = { what: "mesh call, p50", subject: { name: "node.health over the mesh", run: p50(call) } };
    return [
      await compare({ ...us, ...middle, goal: "< 5x, < 1 ms", yardstick: yardstick(p50(wires.echo)) }),
      await compare({
        ...us,
        what: "mesh call, p99",
        goal: "-",
        subject: { name: "node.health over the mesh", run: p99(call) },
        yardstick: yardstick(p99(wires.echo)),
      }),
      await compare({ ...perSecond, goal: "-", subject: own, yardstick: yardstick(rate(wires.echo)) }),
      ...(stock === undefined
        ? []
        : [
            await compare({
              ...us,
              ...middle,
              goal: "-",
              yardstick: { name: "stock libp2p, Node 24", run: () => stock.measure("p50") },
            }),
            await compare({
              ...perSecond,
              goal: "> 1x",
              subject: own,
              yardstick: { name: "stock libp2p, Node 24", run: () => stock.measure("rate") },
            }),
          ]),
    ];
  });
  await stock?.close();
  return rows;
}

const bulkBytes = 64 * 1024 * 1024;

/** MB/s through an operation: bytes into a command on the other node. */
async function operationRate({ here }: Beside): Promise<number> {
  const beganMs = performance.now();
  const answer = await here.call(
    "shell.run",
    { argv: ["sh", "-c", "cat >/dev/null"] },
    { node: far, bytes: pieces(bulkBytes) },
  );
  if (answer.gives !== "items") throw new Error(`shell.run gave ${answer.gives}`);
  await Array.fromAsync(answer.items);
  return bulkBytes / 1e3 / (performance.now() - beganMs);
}

/** MB/s of a file of the other node. */
async function readRate({ here }: Beside, path: string): Promise<number> {
  const beganMs = performance.now();
  const answer = await here.call("fs.content", { path }, { node: far });
  if (answer.gives !== "bytes") throw new Error(`fs.content gave ${answer.gives}`);
  let bytes = 0;
  for await (const chunk of answer.bytes.open()) bytes += chunk.length;
  if (bytes !== bulkBytes) throw new Error(`${bytes} bytes came instead of ${bulkBytes}`);
  return bulkBytes / 1e3 / (performance.now() - beganMs);
}

async function* pieces(sizeBytes: number): AsyncGenerator<Uint8Array, void> {
  const piece = new Uint8Array(64 * 1024).fill(7);
  for (let at = 0; at < sizeBytes; at += piece.length) yield piece;
}

async function bulk({ binary }: Subject): Promise<readonly Row[]> {
  const stock = await openStockPair();
  const folder = newFolder();
  const file = `${folder}/bulk`;
  writeFileSync(file, new Uint8Array(bulkBytes).fill(7));
  const rows = await beside(binary, async (use) => {
    const row = { unit: "MB/s", rounds: 7 };
    const tls = { name: "raw TLS 1.3", run: () => use.wires.tlsRate(bulkBytes) };
    const channel = { name: "MeshChannel", run: () => use.wires.channelRate(bulkBytes) };
    const what = "mesh bulk, a channel";
    return [
      await compare({ ...row, what, goal: "> 0.35x, > 200 MB/s", subject: channel, yardstick: tls }),
      ...(stock === undefined
        ? []
        : [
            await compare({
              ...row,
              what,
              goal: "-",
              subject: channel,
              yardstick: { name: "stock libp2p, Node 24", run: () => stock.measure("bulk") },
            }),
          ]),
      await compare({
        ...row,
        what: "mesh bulk, into a command",
        goal: "> 0.35x, > 200 MB/s",
        subject: { name: "shell.run, stdin", run: () => operationRate(use) },
        yardstick: tls,
      }),
      await compare({
        ...row,
        what: "remote file read",
        goal: "> 0.9x",
        subject: { name: "fs.content of another node", run: () => readRate(use, file) },
        yardstick: channel,
      }),
      await compare({
        what: "mesh call p99, during bulk",
        unit: "us",
        goal: "< 10x",
        rounds: 5,
        subject: { name: "beside shell.run", run: () => duringBulk(use) },
        yardstick: { name: "idle", run: p99(use.call) },
      }),
    ];
  });
  await stock?.close();
  rmSync(folder, { recursive: true });
  return rows;
}

/** 99th percentile of the calls while bytes go to the same node, as long as they go. */
async function duringBulk(use: Beside): Promise<number> {
  let done = false;
  const running = Promise.all([operationRate(use), operationRate(use), operationRate(use)]).finally(() => {
    done = true;
  });
  const times: number[] = [];
  while (!done) times.push(...(await timesOf(use.call, 1)));
  await running;
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? Number.NaN;
}

async function fanOut({ binary }: Subject): Promise<readonly Row[]> {
  const others = 10;
  const here = await HereNode.start("here");
  const nodes = await Promise.all(
    Array.from({ length: others }, (_, at) => startMeshNode(binary, `far-${at}`)),
  );
  for (const node of nodes) await joinMesh(here, node);
  await until(() => sees(here, others + 1, others), linkTimeoutMs, "the links");
  const to = (node: string) => async () => {
    const answer = await here.call("node.health", {}, { node });
    if (answer.gives !== "items") return;
    const items = await Array.fromAsync(answer.items);
    if (items.length !== others + 1 || JSON.stringify(items).includes('"error"'))
      throw new Error(`Not all answered: ${JSON.stringify(items)}`);
  };
  const row = await compare({
    what: "one call to 10 nodes, p50",
    unit: "us",
    goal: "-",
    rounds: 7,
    subject: { name: "--node all", run: async () => median(await timesOf(to("all"), 100)) },
    yardstick: { name: "to one", run: async () => median(await timesOf(to("far-0"), 100)) },
  });
  for (const node of nodes) await node.stop();
  await here.stop();
  removeHomes(nodes);
  return [row];
}

/** Of processes of their own. Each inviter lets 20 in at once and then one a second, so there are several. */
const joiningNodes = 50;
const inviters = 4;
const joinsAtOnce = 4;

async function join({ binary }: Subject): Promise<readonly Row[]> {
  const nodes: MeshNode[] = [];
  const add = async (count: number) => {
    for (let i = 0; i < count; i++) nodes.push(await startMeshNode(binary, `node-${nodes.length}`));
  };
  await add(inviters);
  const hosts = nodes.slice();
  const [first, ...more] = hosts;
  if (first === undefined) return [];
  for (const host of more) await joinMesh(first, host);
  await Promise.all(
    hosts.map((host) => until(() => sees(host, inviters, inviters - 1), linkTimeoutMs, "links")),
  );
  await add(joiningNodes - inviters);
  const guests = nodes.slice(inviters);
  const invited = await Promise.all(
    guests.map(async (guest, at) => ({ guest, code: await inviteTo(hosts[at % inviters] ?? first) })),
  );
  const beganMs = performance.now();
  const queue = invited.slice();
  await Promise.all(
    Array.from({ length: inviters * joinsAtOnce }, async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift())
        await enter(next.guest, next.code);
    }),
  );
  const joinedMs = performance.now() - beganMs;
  const everyMs = 100;
  const isWhole = async () =>
    (await Promise.all(nodes.map((node) => sees(node, joiningNodes, 1)))).every(Boolean);
  await until(isWhole, 120_000, "all nodes to know all", everyMs);
  const convergedMs = performance.now() - beganMs;
  await Promise.all(nodes.map((node) => node.stop()));
  removeHomes(nodes);
  const once = (what: string, ms: number, goal: string): Row => ({
    what,
    unit: "s",
    subject: `${joiningNodes} processes`,
    median: ms / 1_000,
    low: ms / 1_000,
    high: ms / 1_000,
    rounds: 1,
    goal,
  });
  return [
    once("50 nodes: all have joined", joinedMs, "-"),
    once("50 nodes: each knows all", convergedMs, "< 5 s"),
  ];
}

export const meshMeasurements: Readonly<Record<string, Measurement>> = {
  "mesh-start": start,
  "mesh-memory": memory,
  "mesh-calls": calls,
  "mesh-bulk": bulk,
  "mesh-fanout": fanOut,
  "mesh-join": join,
};
