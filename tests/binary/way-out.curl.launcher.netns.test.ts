import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { machines, removeMachines } from "./netns.ts";
import { cleanUp, folder, jsonOf, runProgram, startNode, type TestNode } from "./node.ts";

/** Outside of all ranges that are refused, on a network that nobody else sees. */
const web = "93.184.216.34";
let node: TestNode;
let runner: readonly string[] = [];
let server: Bun.Subprocess<"ignore", "pipe", "inherit">;

beforeAll(async () => {
  const { near, far } = await machines({ near: "93.184.216.1/24", far: `${web}/24` });
  const program = join(import.meta.dir, "way-out-server.ts");
  server = Bun.spawn([...far.runner, process.execPath, program, web, "80"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await server.stdout.getReader().read();
  const hosts = join(folder("hosts"), "hosts");
  writeFileSync(
    hosts,
    `127.0.0.1 localhost self.example\n${web} web.example\n10.9.9.9 inner.example\n169.254.169.254 cloud.example\n`,
  );
  const withHosts = ["unshare", "--mount", "sh", "-c", `mount --bind ${hosts} /etc/hosts; exec "$@"`, "sh"];
  runner = near.runner;
  node = await startNode({ runner: [...near.runner, ...withHosts], directory: folder("node") });
});
afterAll(async () => {
  server.kill();
  await server.exited;
  await cleanUp().finally(removeMachines);
});

const run = (domains: readonly string[], ...argv: readonly string[]) =>
  node.run(["shell", "run", ...domains.flatMap((one) => ["--domains", one]), "--", ...argv]);

test("a confined command reaches the domain that it names, by the system's own resolver", async () => {
  const { stdout, code } = await run(["web.example"], "curl", "-sS", "-m", "20", "http://web.example/");
  expect([stdout, code]).toEqual(["hello from the web\n", 0]);
});

test("it reaches no other domain, no address, and none that leads inside, and says which", async () => {
  for (const [domain, host, why] of [
    ["web.example", "other.example", "not in the list"],
    ["inner.example", "inner.example", "private"],
    ["cloud.example", "cloud.example", "linkLocal"],
    ["self.example", "self.example", "loopback"],
  ] as const) {
    const { stdout, stderr } = await run([domain], "curl", "-sS", "-m", "20", `http://${host}/`);
    expect([host, stdout, stderr]).toEqual([
      host,
      expect.not.stringContaining("hello"),
      expect.stringContaining(why),
    ]);
  }
  const direct = await run(["web.example"], "curl", "-sS", "-m", "20", "--noproxy", "*", `http://${web}/`);
  expect([direct.stdout, direct.code]).toEqual(["", 7]);
});

test("a token reaches the domains of its grant, and no more of them by asking", async () => {
  const scope = { commands: ["curl **"], network: { domains: ["web.example"] } };
  const { token } = await jsonOf<{ token: string }>(
    node.call("access.token-create", {
      name: "agent",
      agent: true,
      grant: [`shell.run=${JSON.stringify(scope)}`],
    }),
  );
  const ask = async (domains: readonly string[]) => {
    const input = { argv: ["curl", "-sS", "-m", "20", "http://web.example/"], domains };
    const headers = [`authorization: Bearer ${token}`, "content-type: application/json"];
    const argv = ["curl", "-sS", ...headers.flatMap((one) => ["-H", one]), "-d", JSON.stringify(input)];
    return (await runProgram([...runner, ...argv, `${node.address}/v1/shell/run`])).stdout;
  };
  expect(await ask(["web.example"])).toContain("hello from the web");
  expect(await ask(["*.example"])).toContain('"code":"forbidden"');
  expect(await ask(["web.example:22"])).toContain('"code":"forbidden"');
});
