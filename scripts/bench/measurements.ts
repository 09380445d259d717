/** Every measurement by name: the subject, its yardstick, its goal. */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { documents } from "./documents.ts";
import { fileMeasurements } from "./files.ts";
import { mcpMeasurements } from "./mcp.ts";
import { meshMeasurements } from "./mesh.ts";
import { output } from "./output.ts";
import { compare, median, type Row } from "./rounds.ts";
import { sessionMeasurements } from "./sessions.ts";
import { rawClient, requestText } from "./socket.ts";
import { store } from "./store.ts";
import {
  healthRequest,
  residentMb,
  type Server,
  startNode,
  startYardstick,
  type Yardsticks,
} from "./subjects.ts";
import { watch } from "./watch.ts";

export interface Subject {
  readonly binary: string;
  readonly yardsticks: Yardsticks;
}

export type Measurement = (subject: Subject) => Promise<readonly Row[]>;

async function start({ binary, yardsticks }: Subject): Promise<readonly Row[]> {
  const once = async (server: Promise<Server>) => {
    const { startedMs, stop } = await server;
    await stop();
    return startedMs;
  };
  return [
    await compare({
      what: "exec to first answer",
      unit: "ms",
      goal: "< 2.5x, < 50 ms",
      rounds: 15,
      subject: { name: "operone up", run: () => once(startNode(binary)) },
      yardstick: { name: "bare Bun.serve", run: () => once(startYardstick(yardsticks.bare)) },
    }),
  ];
}

async function memory({ binary, yardsticks }: Subject): Promise<readonly Row[]> {
  const bareMb = async () => residentAfter(await startYardstick(yardsticks.bare), 0);
  const row = (what: string, goal: string, calls: number, extra: readonly string[] = []) =>
    compare({
      what,
      unit: "MB",
      goal,
      rounds: 3,
      subject: { name: "operone up", run: async () => residentAfter(await startNode(binary), calls, extra) },
      yardstick: { name: "bare Bun.serve", run: bareMb },
    });
  return [
    await row("RSS, first answer", "< 35 MB", 0),
    await row("RSS, store loaded, one command run", "-", 1, [
      runTrue,
      requestText("GET", "/v1/access/token-list"),
    ]),
    await row("RSS, after 2,000 calls", "no growth", 2_000),
  ];
}

async function residentAfter(server: Server, calls: number, extra: readonly string[] = []): Promise<number> {
  const client = await rawClient(server.socket);
  for (const request of extra) await client.exchange(request);
  for (let i = 0; i < calls; i++) await client.exchange(healthRequest);
  const mb = residentMb(server.pid);
  client.close();
  await server.stop();
  return mb;
}

const runTrue = requestText("POST", "/v1/shell/run", '{"argv":["true"],"profile":"unconfined"}', [
  "accept: application/x-ndjson",
]);
const runTrueConfined = requestText("POST", "/v1/shell/run", '{"argv":["true"]}', [
  "accept: application/x-ndjson",
]);

async function http({ binary, yardsticks }: Subject): Promise<readonly Row[]> {
  const servers = [
    await startNode(binary),
    await startYardstick(yardsticks.hono),
    await startYardstick(yardsticks.bare),
  ];
  const clients = await Promise.all(servers.map((server) => rawClient(server.socket)));
  const p50 = (index: number) => async () => {
    const times: number[] = [];
    for (let i = 0; i < 1_000; i++) {
      const beganMs = performance.now();
      await clients[index]?.exchange(healthRequest);
      times.push((performance.now() - beganMs) * 1_000);
    }
    return median(times);
  };
  const subject = { name: "node.health", run: p50(0) };
  const row = { what: "HTTP operation, p50", unit: "us", rounds: 11, subject };
  const rows = [
    await compare({ ...row, goal: "< 1.3x", yardstick: { name: "bare hono route", run: p50(1) } }),
    await compare({ ...row, goal: "-", yardstick: { name: "bare Bun.serve", run: p50(2) } }),
  ];
  for (const client of clients) client.close();
  for (const server of servers) await server.stop();
  return rows;
}

async function commandLine({ binary }: Subject): Promise<readonly Row[]> {
  const server = await startNode(binary);
  const env = { PATH: process.env.PATH ?? "", OPERONE_HOME: join(server.socket, ".."), HOME: tmpdir() };
  const timed = (argv: string[]) => async () => {
    const beganMs = performance.now();
    const child = Bun.spawn(argv, { env, stdin: "ignore", stdout: "ignore", stderr: "inherit" });
    if ((await child.exited) !== 0) throw new Error(`${argv.join(" ")} exited with ${child.exitCode}`);
    return performance.now() - beganMs;
  };
  const url = "http://operone/v1/node/status";
  const curl = { name: "curl", run: timed(["curl", "-s", "--unix-socket", server.socket, url]) };
  const row = { unit: "ms", rounds: 25, yardstick: curl };
  const rows = [
    await compare({
      ...row,
      what: "CLI round trip",
      goal: "< 2.5x",
      subject: { name: "operone status", run: timed([binary, "status"]) },
    }),
    await compare({
      ...row,
      what: "--version",
      goal: "< 50 ms",
      subject: { name: "operone --version", run: timed([binary, "--version"]) },
    }),
    await compare({
      ...row,
      what: "--help",
      goal: "< 50 ms",
      subject: { name: "operone --help", run: timed([binary, "--help"]) },
    }),
  ];
  await server.stop();
  return rows;
}

async function shellRun({ binary }: Subject): Promise<readonly Row[]> {
  const server = await startNode(binary);
  const client = await rawClient(server.socket);
  const p50 = (once: () => Promise<unknown>) => async () => {
    const times: number[] = [];
    for (let i = 0; i < 100; i++) {
      const beganMs = performance.now();
      await once();
      times.push(performance.now() - beganMs);
    }
    return median(times);
  };
  const row = await compare({
    what: "shell.run of true, p50",
    unit: "ms",
    goal: "< 1.3x",
    rounds: 7,
    subject: { name: "over HTTP", run: p50(() => client.exchange(runTrue)) },
    yardstick: {
      name: "Bun.spawn",
      run: p50(() => Bun.spawn(["true"], { stdio: ["ignore", "pipe", "pipe"] }).exited),
    },
  });
  const confined = await compare({
    what: "confined shell.run of true, p50",
    unit: "ms",
    goal: "< 0.8x",
    rounds: 7,
    subject: { name: "over HTTP", run: p50(() => client.exchange(runTrueConfined)) },
    yardstick: { name: "bubblewrap, so too", run: p50(() => client.exchange(runBubblewrap)) },
  });
  client.close();
  const perSecond = await compare({
    what: `confined shell.run of true, ${startersAtOnce} in flight`,
    unit: "1/s",
    goal: "> 1.2x",
    rounds: 7,
    subject: { name: "over HTTP", run: () => startsPerSecond(server, runTrueConfined) },
    yardstick: { name: "bubblewrap, so too", run: () => startsPerSecond(server, runBubblewrap) },
  });
  await server.stop();
  return [row, confined, perSecond];
}

const startersAtOnce = 4;

async function startsPerSecond(server: Server, request: string): Promise<number> {
  const each = 40;
  const clients = await Promise.all(Array.from({ length: startersAtOnce }, () => rawClient(server.socket)));
  const beganMs = performance.now();
  await Promise.all(
    clients.map(async (client) => {
      for (let i = 0; i < each; i++) await client.exchange(request);
      client.close();
    }),
  );
  return (startersAtOnce * each) / ((performance.now() - beganMs) / 1_000);
}

/** A profile like ours: the system, /proc, /dev, an empty home, no network. Debian: apt-get install bubblewrap. */
const bubblewrap = [
  ...["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--ro-bind", "/usr", "/usr"],
  ...["--ro-bind", "/etc", "/etc", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib"],
  ...["--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"],
  ...["--tmpfs", "/root", "--chdir", "/root", "--", "true"],
];

const runBubblewrap = requestText(
  "POST",
  "/v1/shell/run",
  JSON.stringify({ argv: bubblewrap, profile: "unconfined", workingDirectory: "/" }),
  ["accept: application/x-ndjson"],
);

export const measurements: Readonly<Record<string, Measurement>> = {
  start,
  memory,
  http,
  cli: commandLine,
  run: shellRun,
  output,
  documents,
  ...sessionMeasurements,
  store,
  ...fileMeasurements,
  ...mcpMeasurements,
  ...meshMeasurements,
  watch,
};
