/** Where the node listens, how it starts over the remains of another, and how it stops. */
import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { certificate, certificateKey } from "../../tests/http/certificate.ts";
import { type HttpNode, type HttpNodeOptions, startHttpNode, token } from "../../tests/http/http-node.ts";
import { exchange, rawClient, statusOf } from "../../tests/http/raw-client.ts";
import { Listeners } from "./contract.ts";

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(options: HttpNodeOptions = {}): Promise<HttpNode> {
  const node = await startHttpNode(options);
  closers.push(() => node.stop());
  return node;
}

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), "operone-http-"));
  closers.push(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function listen(
  at: { readonly path: string } | { readonly host: string; readonly port: 0 },
): Promise<Server> {
  const server = createServer();
  closers.push(() => void server.close());
  return new Promise((resolve) => server.listen(at, () => resolve(server)));
}

const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === "::1"),
);
const ping = (host: string, extra = "") => `GET /v1/odd/ping HTTP/1.1\r\nHost: ${host}\r\n${extra}\r\n`;

describe("the Unix socket", () => {
  test("is for its owner alone, and answers without a token", async () => {
    const node = await start();
    expect(statSync(node.socket).mode & 0o777).toBe(0o600);
    expect(await exchange(node.socket, ping("operone"))).toEndWith('"pong"');
  });

  test("has the right mode from the first moment, whatever the umask", async () => {
    const before = process.umask(0);
    try {
      const node = await start();
      expect(statSync(node.socket).mode & 0o777).toBe(0o600);
      expect(process.umask()).toBe(0);
    } finally {
      process.umask(before);
    }
  });

  test("that a killed node left behind is taken over", async () => {
    const directory = temporary();
    // A process that ends without closing leaves the file; Bun removes the one that it closes.
    const left = `const s = require("node:net").createServer().listen(${JSON.stringify(join(directory, "operone.sock"))}, () => process.kill(process.pid, "SIGKILL"))`;
    await Bun.spawn([process.execPath, "-e", left], { stdout: "ignore", stderr: "ignore" }).exited;
    expect(existsSync(join(directory, "operone.sock"))).toBe(true);
    const node = await start({ directory });
    expect(statusOf(await exchange(node.socket, ping("operone")))).toBe(200);
  });

  test("on which somebody answers is left alone", async () => {
    const directory = temporary();
    await listen({ path: join(directory, "operone.sock") });
    await expect(startHttpNode({ directory })).rejects.toThrow(/listening at .*operone.sock already/);
    expect(existsSync(join(directory, "operone.sock"))).toBe(true);
  });

  test("is never put in place of a file", async () => {
    const directory = temporary();
    writeFileSync(join(directory, "operone.sock"), "mine");
    await expect(startHttpNode({ directory })).rejects.toThrow(/is a file/);
    expect(statSync(join(directory, "operone.sock")).size).toBe(4);
  });

  test("is gone after a stop", async () => {
    const node = await start({ directory: temporary() });
    await node.kernel.stop();
    expect(existsSync(node.socket)).toBe(false);
  });
});

describe("TCP", () => {
  test("listens on both loopback addresses with one port, and tells where", async () => {
    const node = await start();
    const bound = node.kernel.service(Listeners).bound();
    expect(bound).toContainEqual({ kind: "unix", path: node.socket });
    expect(bound).toContainEqual({ kind: "tcp", url: `http://127.0.0.1:${node.port}` });
    if (hasIpv6) expect(bound).toContainEqual({ kind: "tcp", url: `http://[::1]:${node.port}` });
    const told = await (await node.get("/v1/http/listeners")).json();
    expect(told).toEqual({ listeners: bound, warnings: [] });
  });

  test("is not shared with a second node, which would take half of the calls", async () => {
    const first = await startHttpNode();
    try {
      await expect(startHttpNode({ http: { port: Number(first.port) } })).rejects.toThrow("is taken");
    } finally {
      await first.stop();
    }
  });

  test("says which setting to change when the port is taken", async () => {
    const server = await listen({ host: "127.0.0.1", port: 0 });
    const address = server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    const starting = startHttpNode({ http: { port } });
    await expect(starting).rejects.toThrow(`Port ${port} on 127.0.0.1 is taken`);
    await expect(starting).rejects.toThrow(/\[http\].*--set http\.port=/);
  });

  test("can be left out", async () => {
    const node = await start({ http: { addresses: [] } });
    expect(node.kernel.service(Listeners).bound()).toEqual([{ kind: "unix", path: node.socket }]);
  });

  test("beyond loopback needs the explicit setting", async () => {
    for (const address of ["0.0.0.0", "::", "192.168.1.5"]) {
      await expect(startHttpNode({ http: { addresses: [address] } })).rejects.toThrow(/allowRemote = true/);
    }
  });

  test("beyond loopback without TLS is warned about", async () => {
    const node = await start({ http: { addresses: ["0.0.0.0"], allowRemote: true } });
    const [warning] = node.kernel.service(Listeners).warnings();
    expect(warning).toMatch(/without encryption.*tlsCertificate/);
    expect(node.log.entries.some(({ level, message }) => level === "warn" && message === warning)).toBe(true);
  });

  test("beyond loopback is called by address or named host, and by no other name", async () => {
    const node = await start({
      http: { addresses: ["0.0.0.0"], allowRemote: true, hosts: ["box.example:7000"] },
    });
    const bearer = `Authorization: Bearer ${token}\r\n`;
    const status = async (host: string) => statusOf(await exchange(node.port, ping(host, bearer)));
    expect(await status(`192.168.1.5:${node.port}`)).toBe(200);
    expect(await status("box.example:7000")).toBe(200);
    expect(await status(`[fe80::1]:${node.port}`)).toBe(200);
    expect(await status(`evil.example:${node.port}`)).toBe(421);
    expect(await status("192.168.1.5:1")).toBe(421);
    expect(await status(`1.2.3.4.evil.example:${node.port}`)).toBe(421);
  });

  test("speaks TLS with a certificate, and then nothing else", async () => {
    const directory = temporary();
    const tlsCertificate = join(directory, "cert.pem");
    const tlsKey = join(directory, "key.pem");
    writeFileSync(tlsCertificate, certificate);
    writeFileSync(tlsKey, certificateKey);
    const node = await start({ http: { addresses: ["127.0.0.1"], tlsCertificate, tlsKey } });
    expect(node.url).toStartWith("https://");
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(`${node.url}/v1/odd/ping`, { headers, tls: { ca: certificate } });
    expect(await response.text()).toBe('"pong"');
    const plain = await rawClient(node.port);
    plain.send(ping(`127.0.0.1:${node.port}`, `Authorization: Bearer ${token}\r\n`));
    expect(await plain.closed).not.toContain("pong");
  });

  test("needs certificate and key together, and both must be there", async () => {
    await expect(startHttpNode({ http: { tlsKey: "/x" } })).rejects.toThrow(/set both/);
    const missing = { tlsCertificate: "/none/cert.pem", tlsKey: "/none/key.pem" };
    await expect(startHttpNode({ http: missing })).rejects.toThrow(/no file \/none/);
  });
});

describe("a stop", () => {
  test("lets what is being read be read to its end, and refuses what is new", async () => {
    const node = await start();
    const client = await rawClient(node.port, { reads: false });
    client.send(
      ping(`127.0.0.1:${node.port}`, `Authorization: Bearer ${token}\r\n`).replace(
        "ping",
        "big?sizeBytes=20000000",
      ),
    );
    await node.until(() => node.kernel.view.statistics().length > 0);
    const stopping = node.kernel.stop();
    client.socket.resume();
    const answer = await client.closed;
    await stopping;
    expect(answer.length).toBeGreaterThan(20_000_000);
    expect(answer).toEndWith("0\r\n\r\n");
    await expect(fetch(node.url)).rejects.toThrow();
  });

  test("cuts off who keeps it waiting", async () => {
    const node = await start({ haste: 50 });
    const client = await rawClient(node.port);
    client.send(ping(`127.0.0.1:${node.port}`, `Authorization: Bearer ${token}\r\n`).replace("ping", "hush"));
    await node.until(() => node.happened.started === 1);
    await node.kernel.stop();
    expect(await client.closed).toContain("first");
  });
});
