/** Sessions: many at once, and how long a key takes to come back from a terminal. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { compare, median, type Row } from "./rounds.ts";
import { residentMb, type Server, startNode } from "./subjects.ts";

const sessionsAtOnce = 500;
/** The runtime closes the pipes of ended processes when it next collects garbage. */
const cleanPauseMs = 100;
const cleanTriesMax = 100;
/** More at once would measure the queue of the caller. */
const callsAtOnce = 16;

interface Binary {
  readonly binary: string;
}

async function call(server: Server, operation: string, input: unknown): Promise<unknown> {
  const response = await fetch(`http://operone/v1/${operation}`, {
    unix: server.socket,
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/x-ndjson, application/json" },
    body: JSON.stringify(input),
  });
  const body = await response.text();
  if (!response.ok) throw new Error(`${operation} answered ${response.status}: ${body}`);
  return JSON.parse(body.split("\n")[0] ?? "");
}

/** Does it so many times, some at once. */
async function times(count: number, work: (at: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: callsAtOnce }, worker));
}

/** Starts them all, sends each a line, and reads it back; then all are ended. */
async function manySessions(server: Server, profile: string): Promise<number> {
  const beganMs = performance.now();
  const name = (at: number) => `s${at}`;
  await times(sessionsAtOnce, (at) =>
    call(server, "shell/start", { argv: ["cat"], name: name(at), profile }),
  );
  await times(sessionsAtOnce, (at) => call(server, "shell/input", { session: name(at), text: "hello\n" }));
  await times(sessionsAtOnce, async (at) => {
    const item = await call(server, "shell/output", { session: name(at), waitMs: 10_000 }).catch(
      () => undefined,
    );
    if (JSON.stringify(item)?.includes("hello") !== true) throw new Error(`session ${at} said nothing`);
  });
  const tookMs = performance.now() - beganMs;
  await times(sessionsAtOnce, (at) => call(server, "shell/remove", { session: name(at) }));
  return tookMs;
}

/** The same with processes of this program. */
async function manyChildren(): Promise<number> {
  const beganMs = performance.now();
  const children = Array.from({ length: sessionsAtOnce }, () =>
    Bun.spawn(["cat"], { stdin: "pipe", stdout: "pipe", stderr: "pipe" }),
  );
  await Promise.all(
    children.map(async ({ stdin, stdout }) => {
      stdin.write("hello\n");
      await stdin.flush();
      await stdout.getReader().read();
    }),
  );
  const tookMs = performance.now() - beganMs;
  for (const child of children) child.kill("SIGKILL");
  await Promise.all(children.map(({ exited }) => exited));
  return tookMs;
}

/** Memory of the node for each session that runs, in kB; throws when something of them is left afterwards. */
async function sessionKb(binary: string): Promise<number> {
  const server = await startNode(binary);
  const start = (at: number) =>
    call(server, "shell/start", { argv: ["cat"], name: `m${at}`, profile: "unconfined" });
  const remove = (at: number) => call(server, "shell/remove", { session: `m${at}` });
  const handles = () => readdirSync(`/proc/${server.pid}/fd`).length;
  // What the first sessions load is not theirs.
  await times(callsAtOnce, start);
  await times(callsAtOnce, remove);
  const [beforeMb, handlesBefore] = [residentMb(server.pid), handles()];
  await times(sessionsAtOnce, start);
  const kb = ((residentMb(server.pid) - beforeMb) * 1_000) / sessionsAtOnce;
  const running = await call(server, "shell/list", { running: true });
  if (!Array.isArray(running) || running.length !== sessionsAtOnce) throw new Error("not all sessions run");
  await times(sessionsAtOnce, remove);
  const children = () => readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, "utf8").trim();
  const isClean = () => children() === "" && handles() <= handlesBefore + callsAtOnce;
  for (let tries = 0; !isClean(); tries++) {
    if (tries === cleanTriesMax) {
      throw new Error(`${handles()} descriptors after ${handlesBefore}, and the children "${children()}"`);
    }
    await Bun.sleep(cleanPauseMs);
  }
  await server.stop();
  return kb;
}

async function many({ binary }: Binary): Promise<readonly Row[]> {
  const server = await startNode(binary);
  const row = (what: string, profile: string) =>
    compare({
      what,
      unit: "ms",
      goal: "-",
      rounds: 3,
      subject: { name: profile, run: () => manySessions(server, profile) },
      yardstick: { name: "Bun.spawn, in one process", run: manyChildren },
    });
  const rows = [
    await row(`${sessionsAtOnce} sessions: start, write, read`, "unconfined"),
    await row(`${sessionsAtOnce} confined sessions: the same`, "workspace"),
  ];
  await server.stop();
  const memory = await compare({
    what: "memory of the node for a running session",
    unit: "kB",
    goal: "-",
    rounds: 3,
    subject: { name: "unconfined", run: () => sessionKb(binary) },
  });
  return [...rows, memory];
}

/** A terminal in which keys are echoed by the system; gives what types a key and resolves when it is back. */
interface Keyboard {
  key(): Promise<void>;
  close(): void | Promise<void>;
}

const keys = 200;

async function keyTimes(keyboard: Keyboard): Promise<number> {
  const all: number[] = [];
  for (let at = 0; at < keys; at++) {
    const beganMs = performance.now();
    await keyboard.key();
    all.push((performance.now() - beganMs) * 1_000);
  }
  return median(all);
}

/** Counts what comes, and wakes whoever waits for more. */
class Echo {
  #seen = 0;
  #wanted = 0;
  #wake = () => {};

  saw(length: number): void {
    this.#seen += length;
    if (this.#seen >= this.#wanted) this.#wake();
  }

  next(): Promise<void> {
    this.#wanted = this.#seen + 1;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    return promise;
  }
}

async function attached(server: Server): Promise<Keyboard> {
  await call(server, "shell/start", {
    argv: ["cat"],
    name: "keys",
    profile: "unconfined",
    terminal: true,
  });
  const home = join(server.socket, "..");
  const listeners = JSON.stringify(await call(server, "http/listeners", {}));
  const address = /http:\/\/127\.0\.0\.1:\d+/.exec(listeners)?.[0] ?? "";
  const token = readFileSync(join(home, "owner.token"), "utf8").trim();
  const url = `${address.replace("http", "ws")}/v1/shell/attach?session=keys`;
  const socket = new WebSocket(url, [`bearer.${token}`]);
  const echo = new Echo();
  socket.addEventListener("message", ({ data }) => {
    const { item } = JSON.parse(String(data)) as { item?: { text?: string } };
    if (item?.text !== undefined) echo.saw(item.text.length);
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.addEventListener("open", () => resolve());
  socket.addEventListener("error", () => reject(new Error(`no connection to ${url}`)));
  await promise;
  return {
    async key() {
      const back = echo.next();
      socket.send('{"message":{"input":"x"}}');
      await back;
    },
    async close() {
      socket.close();
      await call(server, "shell/remove", { session: "keys" });
    },
  };
}

function ownTerminal(): Keyboard {
  const echo = new Echo();
  const child = Bun.spawn(["cat"], { terminal: { data: (_, bytes) => echo.saw(bytes.length) } });
  return {
    async key() {
      const back = echo.next();
      child.terminal?.write("x");
      await back;
    },
    close: () => child.kill("SIGKILL"),
  };
}

async function attach({ binary }: Binary): Promise<readonly Row[]> {
  const server = await startNode(binary);
  const [far, near] = [await attached(server), ownTerminal()];
  const row = await compare({
    what: "a key through shell.attach and back, p50",
    unit: "us",
    goal: "-",
    rounds: 9,
    subject: { name: "WebSocket", run: () => keyTimes(far) },
    yardstick: { name: "a terminal of Bun", run: () => keyTimes(near) },
  });
  await far.close();
  await near.close();
  await server.stop();
  return [row];
}

export const sessionMeasurements = { "sessions-many": many, "sessions-attach": attach };
