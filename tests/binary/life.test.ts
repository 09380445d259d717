import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cleanUp, eventually, folder, isAlive, jsonOf, run, startNode } from "./node.ts";

afterAll(cleanUp);

const port = ["--set", "http.port=0"];

test("the version and the help need no data directory and no home that can be written", async () => {
  const home = join(folder(), "home");
  const env = { HOME: "/proc/nowhere" };
  for (const argv of [
    ["--version"],
    ["version", "--json"],
    ["--help"],
    ["up", "--help"],
    ["shell", "run", "--help"],
  ]) {
    const shown = await run(argv, { env });
    expect({ argv, code: shown.code, stderr: shown.stderr }).toEqual({ argv, code: 0, stderr: "" });
    expect(shown.stdout.length).toBeGreaterThan(5);
  }
  await run(["--help"], { env: { HOME: home } });
  expect(existsSync(home)).toBe(false);
});

test("an unwritable home is refused by up with the reason and what to do", async () => {
  const refused = await run(["up"], { env: { HOME: "/proc/nowhere" } });
  expect(refused.code).toBe(15);
  expect(refused.stderr).toContain("/proc/nowhere/.operone");
  expect(refused.stderr).toContain("--data");
});

test("without a running node an operation says how to start one", async () => {
  const directory = join(folder(), "d");
  for (const argv of [["status"], ["shell", "run", "--", "true"]]) {
    const refused = await run([...argv, "--data", directory]);
    expect(refused.code).toBe(argv[0] === "shell" ? 125 : 15);
    expect(refused.stderr).toContain("operone up");
  }
  expect(existsSync(directory)).toBe(false);
  const down = await run(["down", "--data", directory]);
  expect(down.code).toBe(0);
  expect(down.stdout).toContain("No node is running");
});

test("a second up says who holds the lock, since when, and what to do", async () => {
  const node = await startNode();
  for (const detach of [[], ["--detach"]]) {
    const second = await run(["up", ...detach, "--data", node.directory, ...port]);
    expect({ detach, code: second.code }).toEqual({ detach, code: 6 });
    expect(second.stderr).toContain(`process ${node.welcome.pid}, since 20`);
    expect(second.stderr).toContain("operone down");
  }
  expect((await node.run(["status"])).code).toBe(0);
  expect(await node.stop()).toBe(0);
});

test("of many that start at once in one folder exactly one runs", async () => {
  const directory = join(folder(), "d");
  const starts = await Promise.all(
    Array.from({ length: 5 }, () => run(["up", "--detach", "--data", directory, ...port])),
  );
  expect(starts.filter((start) => start.code === 0).length).toBe(1);
  expect((await run(["down", "--data", directory])).stdout).toContain("Stopped the node");
});

test("up in the background returns when the node answers, and down when it is gone", async () => {
  const directory = join(folder(), "d");
  const started = await run(["up", "--detach", "--json", "--data", directory, ...port]);
  expect({ code: started.code, stderr: started.stderr }).toEqual({ code: 0, stderr: "" });
  const { pid } = JSON.parse(started.stdout);
  const status = await run(["status", "--json", "--data", directory]);
  expect(JSON.parse(status.stdout).pid).toBe(pid);
  const stopped = await run(["down", "--json", "--data", directory]);
  expect(JSON.parse(stopped.stdout)).toEqual({ outcome: "stopped", pid });
  expect(isAlive(pid)).toBe(false);
  expect(existsSync(join(directory, "running.json"))).toBe(false);
  expect(existsSync(join(directory, "operone.sock"))).toBe(false);
});

test("a failed start in the background prints the reason and leaves nothing running", async () => {
  const directory = join(folder(), "d");
  mkdirSync(directory);
  writeFileSync(join(directory, "config.toml"), "[http]\nprot = 1\n");
  const failed = await run(["up", "--detach", "--data", directory]);
  expect(failed.code).toBe(2);
  expect(failed.stderr).toContain('config.toml line 2: "http.prot"');
  expect(failed.stderr).toContain('did you mean "http.port"');
  expect((await run(["down", "--data", directory])).stdout).toContain("No node is running");
});

test("both signals stop it in order, and it says nothing of the signal as a failure", async () => {
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    const node = await startNode();
    node.signal(signal);
    expect(await node.exited).toBe(0);
    expect(existsSync(node.welcome.socket)).toBe(false);
    expect(existsSync(join(node.directory, "running.json"))).toBe(false);
  }
});

test("a second signal ends it at once, whatever still runs", async () => {
  const node = await startNode();
  await node.call("shell.run", {
    argv: ["sh", "-c", "echo started; exec sleep 60"],
    profile: "unconfined",
  });
  node.signal("SIGTERM");
  expect(await eventually(() => node.errors().includes("stopping"))).toBe(true);
  node.signal("SIGTERM");
  expect(await node.exited).toBe(143);
});

test("down kills a node that does not stop in time, and only that process", async () => {
  const node = await startNode();
  node.signal("SIGSTOP");
  const killed = await node.run(["down", "--timeout", "0.2"]);
  expect(killed.stdout).toContain(`Killed the node in ${node.directory} (process ${node.welcome.pid})`);
  expect(isAlive(node.welcome.pid)).toBe(false);
});

test("a process that got the number of a dead node is not touched", async () => {
  const node = await startNode();
  node.signal("SIGKILL");
  await node.exited;
  const bystander = Bun.spawn(["sleep", "60"], { stdio: ["ignore", "ignore", "ignore"] });
  const holder = join(node.directory, "running.json");
  const left = JSON.parse(readFileSync(holder, "utf8"));
  writeFileSync(holder, JSON.stringify({ ...left, pid: bystander.pid }));
  expect((await node.run(["down"])).stdout).toContain("No node is running");
  expect(isAlive(bystander.pid)).toBe(true);
  bystander.kill("SIGKILL");
  await bystander.exited;
});

test("a restart keeps the tokens", async () => {
  const first = await startNode();
  const owner = await first.token();
  const made = await jsonOf<{ token: string }>(first.call("access.token-create", { name: "ci" }));
  await first.stop();
  const second = await startNode({ directory: first.directory });
  expect(await second.token()).toBe(owner);
  for (const token of [owner, made.token]) {
    const answer = await fetch(`${second.address}/v1/node/version`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(answer.status).not.toBe(401);
  }
  await second.stop();
});

test("two nodes live side by side in two folders", async () => {
  const [one, two] = await Promise.all([startNode(), startNode()]);
  expect(one.address).not.toBe(two.address);
  for (const node of [one, two]) {
    const status = await jsonOf<{ pid: number }>(node.call("node.status"));
    expect(status.pid).toBe(node.welcome.pid);
  }
  const foreign = await fetch(`${two.address}/v1/node/status`, {
    headers: { authorization: `Bearer ${await one.token()}` },
  });
  expect(foreign.status).toBe(401);
  await Promise.all([one.stop(), two.stop()]);
});

test("a data directory whose socket path is too long is refused with both numbers", async () => {
  const directory = join(folder(), "x".repeat(120));
  const refused = await run(["up", "--data", directory, ...port]);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(/has \d+ bytes and the system takes 107/);
  expect(existsSync(directory)).toBe(false);
});

test("a wider data directory is closed before anything is in it", async () => {
  const directory = folder();
  const node = await startNode({ directory });
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  await node.stop();
});

test("a folder with other people's files is never used", async () => {
  const directory = folder();
  writeFileSync(join(directory, "thesis.doc"), "x");
  const refused = await run(["up", "--data", directory, ...port]);
  expect(refused.code).toBe(6);
  expect(refused.stderr).toContain("thesis.doc");
  const notRemoved = await run(["uninstall", "--yes", "--data", directory]);
  expect(notRemoved.code).toBe(5);
  expect(existsSync(join(directory, "thesis.doc"))).toBe(true);
});

test("uninstall lists and removes what was made, keeps what was not, and follows no link", async () => {
  const outside = folder();
  writeFileSync(join(outside, "precious"), "x");
  const node = await startNode();
  symlinkSync(outside, join(node.directory, "access", "link"));
  symlinkSync(outside, join(node.directory, "output.log"));
  writeFileSync(join(node.directory, "config.toml"), "version = 1\n");
  const asked = await node.run(["uninstall"]);
  expect(asked.code).toBe(2);
  expect(asked.stderr).toContain("--yes");
  const removed = await node.run(["uninstall", "--yes"]);
  expect(removed.code).toBe(0);
  expect(removed.stderr).toContain("owner.token");
  expect(removed.stderr).toContain(`running node, process ${node.welcome.pid}`);
  expect(removed.stdout).toContain("remove it with: rm ");
  expect(await node.exited).toBe(0);
  expect(existsSync(join(outside, "precious"))).toBe(true);
  expect(existsSync(join(node.directory, "access"))).toBe(false);
  expect(readFileSync(join(node.directory, "config.toml"), "utf8")).toBe("version = 1\n");
});

test("uninstall leaves no trace where nothing else was", async () => {
  const node = await startNode();
  await node.stop();
  expect((await node.run(["uninstall", "--yes"])).code).toBe(0);
  expect(existsSync(node.directory)).toBe(false);
  expect((await node.run(["uninstall", "--yes"])).code).toBe(5);
});
