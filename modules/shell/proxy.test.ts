import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { simulatedLog } from "../../src/kernel/simulated.ts";
import { refusedAddress } from "./address-rule.ts";
import type { NetworkList } from "./network.ts";
import { AllowListProxy, type ProxyLimits } from "./proxy.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

interface Setting {
  readonly list: NetworkList;
  readonly names?: Readonly<Record<string, readonly (readonly string[])[]>>;
  readonly limits?: Partial<ProxyLimits>;
  /** Whether addresses are judged as in production; else the loopback counts as public. */
  readonly strict?: boolean;
}

/** Each name has a list of answers, one a question; the last one stays. */
async function setUp({ list, names = {}, limits = {}, strict = false }: Setting) {
  const folder = mkdtempSync(join(tmpdir(), "op-"));
  closers.push(() => rmSync(folder, { recursive: true }));
  const asked: string[] = [];
  const log = simulatedLog();
  const proxy = new AllowListProxy(list, {
    log,
    limits,
    ...(strict
      ? {}
      : { refusedAddress: (address) => (address === "127.0.0.1" ? undefined : refusedAddress(address)) }),
    resolve: async (host) => {
      const answers = names[host] ?? [];
      const times = asked.filter((one) => one === host).length;
      asked.push(host);
      return answers[Math.min(times, answers.length - 1)] ?? [];
    },
  });
  const path = join(folder, "s");
  await proxy.listen(path);
  closers.push(() => proxy.close());
  return { proxy, asked, log, say: (text: string) => answerTo(path, text), path };
}

/** Says it, and gives all that comes until the other side closes. */
async function answerTo(path: string, text: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect(path);
  let answer = "";
  socket.on("data", (chunk) => {
    answer += chunk;
  });
  socket.on("error", () => {});
  socket.on("close", () => resolve(answer));
  socket.write(text);
  return await promise;
}

async function listening(server: Server): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", () => resolve());
  await promise;
  closers.push(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** Says a word to whoever connects, and what it was told. */
async function greeter(): Promise<{ readonly port: number; readonly heard: string[] }> {
  const heard: string[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (chunk) => {
      heard.push(String(chunk));
      socket.end("greetings");
    });
  });
  return { port: await listening(server), heard };
}

function tunnel(target: string, more = "hello"): string {
  return `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n${more}`;
}

test("a tunnel to a listed name carries bytes both ways", async () => {
  const { port, heard } = await greeter();
  const { say, asked } = await setUp({
    list: { domains: [`a.test:${port}`], ports: [] },
    names: { "a.test": [["127.0.0.1"]] },
  });
  expect(await say(tunnel(`A.test.:${port}`))).toEndWith("\r\n\r\ngreetings");
  expect(heard).toEqual(["hello"]);
  expect(asked).toEqual(["a.test"]);
});

test("what is not in the list is refused without being looked up, and the reason is kept", async () => {
  const { say, asked, proxy, log } = await setUp({ list: { domains: ["a.test", "*.b.test"], ports: [] } });
  for (const target of ["b.test:443", "a.test:22", "xa.test:443", "a.test.evil.test:443"]) {
    expect(await say(tunnel(target))).toMatch(/^HTTP\/1.1 403 .*is not in the list/s);
  }
  expect(asked).toEqual([]);
  expect(proxy.refusals.length).toBe(4);
  expect(log.entries.length).toBe(4);
});

test("an address is no name, however it is written", async () => {
  const { say, asked } = await setUp({ list: { domains: ["*.test", "test"], ports: [] } });
  const addresses = [
    "127.0.0.1",
    "2130706433",
    "0x7f.1",
    "0177.0.0.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "1.1.1.1.",
    "a@b.test",
    "",
  ];
  for (const one of addresses) expect(await say(tunnel(`${one}:443`))).toMatch(/^HTTP\/1.1 4\d\d |^$/);
  expect(asked).toEqual([]);
});

test("a listed name that leads to this machine, a private network or a cloud's own service is refused", async () => {
  const names: Record<string, string[][]> = {
    "a.test": [["127.0.0.1"]],
    "b.test": [["169.254.169.254"]],
    "c.test": [["93.184.216.34", "10.0.0.5"]],
    "d.test": [["fd00:ec2::254"]],
    "e.test": [["::ffff:192.168.1.1"]],
    "f.test": [["64:ff9b::a00:1"]],
    "g.test": [["168.63.129.16"]],
    "h.test": [["0.0.0.0"]],
  };
  const { say } = await setUp({ list: { domains: ["*.test"], ports: [] }, names, strict: true });
  for (const name of Object.keys(names))
    expect(await say(tunnel(`${name}:443`))).toMatch(/^HTTP\/1.1 403 .*leads to/s);
});

test("a name that changes its meaning after it was judged changes nothing", async () => {
  const { port } = await greeter();
  const { say, asked } = await setUp({
    list: { domains: [`a.test:${port}`], ports: [] },
    names: { "a.test": [["127.0.0.1"], ["10.0.0.1"]] },
  });
  expect(await say(tunnel(`a.test:${port}`))).toEndWith("greetings");
  // Looked up once for the first connection; the second one is judged anew.
  expect(asked.length).toBe(1);
  expect(await say(tunnel(`a.test:${port}`))).toMatch(/leads to 10.0.0.1/);
});

/** Answers with what it was asked, as text. */
async function mirror(): Promise<number> {
  const server = createHttpServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (chunk: Buffer) => parts.push(chunk));
    request.on("end", () => {
      response.writeHead(200, { "x-answer": "1" });
      const { method, url, headers } = request;
      response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(parts).toString() }));
    });
  });
  return await listening(server);
}

test("plain HTTP goes to the host of the address, whatever its header says, without what is the proxy's", async () => {
  const port = await mirror();
  const { say } = await setUp({
    list: { domains: [`a.test:${port}`], ports: [] },
    names: { "a.test": [["127.0.0.1"]] },
  });
  const text = await say(
    `POST http://a.test:${port}/x?y=1 HTTP/1.1\r\nHost: other.test\r\nProxy-Authorization: secret\r\nX-Hop: 1\r\nConnection: close, x-hop\r\nContent-Length: 3\r\n\r\nabc`,
  );
  expect(text).toStartWith("HTTP/1.1 200 OK\r\n");
  const { method, url, headers, body } = JSON.parse(text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1));
  expect([method, url, body]).toEqual(["POST", "/x?y=1", "abc"]);
  expect(headers).toEqual({ host: `a.test:${port}`, connection: "close", "content-length": "3" });
});

test("each further request on a connection is judged for itself", async () => {
  const port = await mirror();
  const { say } = await setUp({
    list: { domains: [`a.test:${port}`], ports: [] },
    names: { "a.test": [["127.0.0.1"]], "b.test": [["127.0.0.1"]] },
  });
  const one = (host: string, more: string) =>
    `GET http://${host}:${port}/ HTTP/1.1\r\nHost: a.test:${port}\r\n${more}\r\n`;
  const text = await say(one("a.test", "") + one("b.test", "Connection: close\r\n"));
  expect(text.match(/HTTP\/1.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 403"]);
});

test("what two readers could take for two things is answered by nobody", async () => {
  const port = await mirror();
  const { say } = await setUp({
    list: { domains: [`a.test:${port}`], ports: [] },
    names: { "a.test": [["127.0.0.1"]] },
  });
  const head = `POST http://a.test:${port}/ HTTP/1.1\r\nHost: a.test\r\n`;
  for (const lines of [
    "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
    "Content-Length: 3\r\nContent-Length: 4\r\n",
    "Transfer-Encoding: chunked, identity\r\n",
    `X: ${"a".repeat(70_000)}\r\n`,
  ])
    expect(await say(`${head}${lines}\r\n0\r\n\r\n`)).not.toMatch(/ 200 /);
  expect(
    await say(`GET http://user:word@a.test:${port}/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`),
  ).toMatch(/ 403 /);
  expect(await say("GET /v1/node/status HTTP/1.1\r\nHost: operone\r\nConnection: close\r\n\r\n")).toMatch(
    / 403 /,
  );
  expect(
    await say(
      `GET http://a.test:${port}/ HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    ),
  ).toMatch(/ 403 /);
});

test("a reason and the log hold the host, and nothing of the path or the query", async () => {
  const { say, log, proxy } = await setUp({ list: { domains: [], ports: [] } });
  await say("GET http://a.test/path?token=hidden HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
  const told = JSON.stringify([log.entries, proxy.refusals]);
  expect(told).toContain("a.test");
  expect(told).not.toContain("hidden");
});

test("who says nothing, and who says it slowly, is let go", async () => {
  const { say } = await setUp({
    list: { domains: [], ports: [] },
    limits: { headMsMax: 50, idleMsMax: 100 },
  });
  expect(await say("")).toBe("");
  expect(await say("CONNECT a.te")).not.toMatch(/ 200 /);
});

test("a host that does not answer is given up, and no name without an address is waited for", async () => {
  const server = createServer();
  const port = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  const { say } = await setUp({
    list: { domains: [`*.test:${port}`], ports: [] },
    names: { "a.test": [["127.0.0.1"]] },
    limits: { resolveMsMax: 50 },
  });
  expect(await say(tunnel(`a.test:${port}`))).toMatch(/nobody answers at a.test:/);
  expect(await say(tunnel(`b.test:${port}`))).toMatch(/has no address/);
});

test("the end of the proxy ends what goes through it", async () => {
  const server = createServer((socket) => void socket.on("error", () => {}));
  const port = await listening(server);
  const { path, proxy } = await setUp({
    list: { domains: [`a.test:${port}`], ports: [] },
    names: { "a.test": [["127.0.0.1"]] },
  });
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const { promise: answered, resolve: onAnswer } = Promise.withResolvers<void>();
  const socket = connect(path);
  socket.on("error", () => {});
  socket.on("close", () => resolve());
  socket.once("data", () => onAnswer());
  socket.write(tunnel(`a.test:${port}`));
  await answered;
  proxy.close();
  await closed;
});

test("who leaves while a name is looked up leaves no room for more look-ups than connections", async () => {
  const folder = mkdtempSync(join(tmpdir(), "op-"));
  closers.push(() => rmSync(folder, { recursive: true }));
  let asked = 0;
  const { promise: never, resolve: end } = Promise.withResolvers<readonly string[]>();
  const { promise: both, resolve: onBoth } = Promise.withResolvers<void>();
  const proxy = new AllowListProxy(
    { domains: ["*.a.test"], ports: [] },
    {
      limits: { connectionsMax: 2 },
      resolve: async () => {
        asked += 1;
        if (asked === 2) onBoth();
        return await never;
      },
    },
  );
  const path = join(folder, "s");
  await proxy.listen(path);
  closers.push(() => proxy.close());
  const clients = ["one", "two"].map((name) => {
    const socket = connect(path);
    socket.on("error", () => {});
    socket.write(`CONNECT ${name}.a.test:443 HTTP/1.1\r\nHost: x\r\n\r\n`);
    return socket;
  });
  await both;
  for (const client of clients) client.destroy();
  let answer = "";
  // The places are free when the proxy has heard that they left.
  while (answer === "") answer = await answerTo(path, "CONNECT three.a.test:443 HTTP/1.1\r\nHost: x\r\n\r\n");
  expect(answer).toContain("too many names are looked up at once");
  expect(asked).toBe(2);
  end([]);
});
