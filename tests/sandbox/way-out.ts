/** What a command with a list of domains and ports reaches, and what not, as it is tried from inside. */
import { afterAll, expect, test } from "bun:test";
import { type AddressInfo, createServer, type Server } from "node:net";
import type { Network } from "../../modules/shell/network.ts";
import type { Ending } from "./runner.ts";
import { type Account, roomyLimits, type Stage, stageFor } from "./stage.ts";

/** Answers HTTP with a word. */
async function webServer(
  word: string,
): Promise<{ readonly port: number; readonly server: Server; seen(): number }> {
  let seen = 0;
  const server = createServer((socket) => {
    seen += 1;
    socket.on("error", () => {});
    socket.once("data", () =>
      socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${word.length}\r\nConnection: close\r\n\r\n${word}`),
    );
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", () => resolve());
  await promise;
  return { port: (server.address() as AddressInfo).port, server, seen: () => seen };
}

type WebServer = Awaited<ReturnType<typeof webServer>>;

interface Field {
  readonly stage: Stage;
  readonly listed: WebServer;
  readonly other: WebServer;
  run(network: Network, script: string): Promise<Ending>;
}

const fetch = "curl -sS -m 20";
const domains = (...list: readonly string[]): Network => ({ domains: list, ports: [] });

/** Tests for commands of that account. */
export async function proveWayOut(account: Account): Promise<void> {
  const [listed, other] = await Promise.all([webServer("welcome"), webServer("stranger")]);
  const names = { "a.test": "127.0.0.1", "inner.test": "10.1.2.3" };
  const stage = await stageFor(account, roomyLimits, "namespaces", names);
  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
    listed.server.close();
    other.server.close();
  });
  const run = async (network: Network, script: string) => {
    const job = {
      argv: ["bash", "-c", script],
      profile: "workspace",
      workspace: stage.workspace,
      network,
    } as const;
    const [ending] = await stage.run([job]);
    if (ending === undefined || ending.refused !== undefined) throw new Error(ending?.refused ?? "no ending");
    return ending;
  };
  const field = { stage, listed, other, run };
  proveReached(field);
  proveCarried(field);
  proveWalls(field);
}

/** What is listed is there. */
function proveReached({ listed, run }: Field): void {
  test("a listed name is reached through a tunnel and by plain HTTP, and the bytes come back", async () => {
    const network = domains(`a.test:${listed.port}`);
    const plain = await run(network, `${fetch} http://a.test:${listed.port}/`);
    expect([plain.stdout, plain.code]).toEqual(["welcome", 0]);
    const tunnel = await run(network, `${fetch} --proxytunnel http://a.test:${listed.port}/`);
    expect([tunnel.stdout, tunnel.code]).toEqual(["welcome", 0]);
  });

  test("a listed port of the machine's loopback is reached at the same port", async () => {
    const ending = await run(
      { domains: [], ports: [listed.port] },
      `${fetch} http://127.0.0.1:${listed.port}/`,
    );
    expect([ending.stdout, ending.code]).toEqual(["welcome", 0]);
  });
}

/** However much it is. */
function proveCarried({ stage, listed, run }: Field): void {
  test("many connections at once and large ones come through whole", async () => {
    const network: Network = { domains: [], ports: [listed.port] };
    const many = `for i in $(seq 200); do ${fetch} http://127.0.0.1:${listed.port}/ & done | grep -o welcome | wc -l`;
    expect((await run(network, many)).stdout.trim()).toBe("200");
    const echo = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on("error", () => {});
      socket.pipe(socket);
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    echo.listen(0, "127.0.0.1", () => resolve());
    await promise;
    const { port } = echo.address() as AddressInfo;
    const large = `exec 3<>/dev/tcp/127.0.0.1/${port}; (head -c 20000000 /dev/zero | tr '\\0' x >&3) & head -c 20000000 <&3 | sha256sum; echo x | tr -d '\\n' >/dev/null`;
    const { stdout } = await run({ domains: [], ports: [port] }, large);
    echo.close();
    const whole = new Bun.CryptoHasher("sha256").update(Buffer.alloc(20_000_000, "x")).digest("hex");
    expect(stdout.split(" ")[0]).toBe(whole);
  });

  test("a command that fills all connections has them for itself alone, and its end frees them", async () => {
    const network: Network = { domains: [`a.test:${listed.port}`], ports: [listed.port] };
    const hoard = `for i in $(seq 10 210); do eval "exec $i<>/dev/tcp/127.0.0.1/${listed.port}" 2>/dev/null || break; done; echo held`;
    const [held, free] = await stage.run(
      [hoard, `${fetch} http://a.test:${listed.port}/`].map((script) => ({
        argv: ["bash", "-c", script],
        profile: "workspace" as const,
        workspace: stage.workspace,
        network,
      })),
    );
    expect(held?.stdout).toBe("held\n");
    expect(free?.stdout).toBe("welcome");
  });
}

/** And nothing else is. */
function proveWalls({ listed, other, run }: Field): void {
  test("nothing else is reached: no other name, port, address or way around the proxy", async () => {
    const before = other.seen();
    const network: Network = {
      domains: [`a.test:${listed.port}`, "*.inner.test", "inner.test"],
      ports: [listed.port],
    };
    const ways = [
      `${fetch} http://127.0.0.1:${other.port}/`,
      `${fetch} -x "$HTTP_PROXY" http://127.0.0.1:${other.port}/`,
      `${fetch} http://a.test:${other.port}/`,
      `${fetch} --proxytunnel http://a.test:${other.port}/`,
      `${fetch} -H 'Host: a.test' -x "$HTTP_PROXY" http://b.test:${other.port}/`,
      `${fetch} http://inner.test/`,
      `${fetch} --noproxy '*' --resolve a.test:${other.port}:127.0.0.1 http://a.test:${other.port}/`,
      `${fetch} --noproxy '*' http://1.1.1.1/`,
      `${fetch} --noproxy '*' 'http://[::1]:${other.port}/'`,
      `exec 3<>/dev/tcp/127.0.0.1/${other.port}`,
      `exec 3<>/dev/udp/127.0.0.1/${other.port} && echo x >&3 && read -t 1 -u 3 && false; exit 1`,
    ];
    for (const way of ways) {
      const { stdout, code } = await run(
        network,
        `${way} >out 2>&1; code=$?; grep -q stranger out && exit 0; exit $((code + 1))`,
      );
      expect([way, stdout, code === 0]).toEqual([way, "", false]);
    }
    expect(other.seen()).toBe(before);
  });

  test("the sockets of the proxies are nowhere to be seen, and no process of the launcher can be touched", async () => {
    const look =
      'ls /tmp/operone-* 2>/dev/null; grep -c operone /proc/net/unix; ls /proc | grep -c "^[0-9]"; kill -9 -1; echo left';
    const { stdout } = await run(domains(`a.test:${listed.port}`), `(${look})`);
    expect(stdout).not.toContain("operone-");
    expect(stdout.split("\n")[0]).toBe("0");
  });
}
