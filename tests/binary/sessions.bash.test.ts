/** Sessions of the compiled program: a person at a terminal, and a node that is killed. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { cleanUp, eventually, folder, isAlive, jsonOf, startNode, type TestNode } from "./node.ts";
import { binary } from "./subject.ts";

let node: TestNode;
beforeAll(async () => {
  node = await startNode();
});
afterAll(async () => {
  await node.stop();
  await cleanUp();
});

const environment = { PATH: process.env.PATH ?? "", HOME: "/", TERM: "dumb", PS1: "outer> " };

/** A shell at a terminal, for a person to type commands of the program into. */
async function desk() {
  let shown = "";
  let seen = 0;
  const shell = Bun.spawn(["bash", "--norc", "--noprofile", "-i"], {
    env: { ...environment, operone: await binary(), data: node.directory },
    terminal: {
      cols: 90,
      rows: 20,
      data: (_, bytes) => {
        shown += Buffer.from(bytes).toString("latin1");
      },
    },
  });
  const see = async (text: string) => {
    const came = await eventually(() => shown.indexOf(text, seen) >= 0);
    if (!came) throw new Error(`${text} never came: ${JSON.stringify(shown.slice(seen))}`);
    seen = shown.indexOf(text, seen) + text.length;
  };
  await see("outer> ");
  return {
    see,
    type: (text: string) => void shell.terminal?.write(text),
    resize: (columns: number, rows: number) => shell.terminal?.resize(columns, rows),
    async [Symbol.asyncDispose]() {
      shell.kill("SIGKILL");
      await shell.exited;
      shell.terminal?.close();
    },
  };
}

const inner =
  "--profile unconfined --environment PS1='in> ' --environment TERM=dumb -- bash --norc --noprofile -i";
/** Says whether lines are put together by the terminal, as a shell left it to its programs. */
const mode = "stty -a | grep -o -- '.icanon'; echo checked\r";

test("start, type, resize, detach, come back, and leave with the exit code of the command", async () => {
  await using person = await desk();
  person.type(`$operone --data $data start --terminal --name box ${inner}\r`);
  await person.see("detaches");
  await person.see("in> ");
  person.type("stty size\r");
  await person.see("20 90\r");
  person.resize(101, 31);
  person.type("until [ \"$(stty size)\" = '31 101' ]; do :; done; echo resized\r");
  await person.see("resized\r");
  person.type("sleep 100\r");
  await person.see("sleep 100\r");
  person.type("\x1d");
  await person.see("outer> ");
  person.type(mode);
  await person.see(" icanon");
  await person.see("checked\r");
  person.type("$operone --data $data attach box; echo code=$?\r");
  await person.see("detaches");
  await person.see("sleep 100");
  person.type("\x03");
  await person.see("in> ");
  person.type("exit 7\r");
  await person.see("code=7");
});

test("a program that is killed while it is attached gives the terminal back, and the session runs on", async () => {
  await using person = await desk();
  const { id } = await jsonOf<{ id: string }>(
    node.call("shell.start", { argv: ["cat"], profile: "unconfined", terminal: true }),
  );
  for (const signal of ["TERM", "HUP", "INT"]) {
    person.type(`$operone --data $data attach ${id} & sleep 0.1; fg\r`);
    await person.see("detaches");
    const attached = `attach ${id}`;
    const pid = () =>
      Bun.spawnSync(["pgrep", "-f", "-n", `operone.* ${attached}`])
        .stdout.toString()
        .trim();
    expect(await eventually(() => pid() !== "")).toBe(true);
    person.type("hello\r");
    await person.see("hello\r");
    process.kill(Number(pid()), `SIG${signal}`);
    await person.see("outer> ");
    person.type(mode);
    await person.see(" icanon");
    await person.see("checked\r");
  }
  const view = await jsonOf<{ state: string }>(node.call("shell.wait", { session: id, waitMs: 1 }));
  expect(view.state).toBe("running");
});

test("after kill -9 of the node its commands are ended, and their sessions say so and keep their output", async () => {
  const directory = join(folder(), "d");
  const first = await startNode({ directory });
  const script = "echo $$; while read x; do echo got $x; done; sleep 600";
  const start = { argv: ["sh", "-c", script], profile: "unconfined", name: "work" };
  const { pid } = await jsonOf<{ pid: number }>(first.call("shell.start", start));
  await (await first.call("shell.input", { session: "work", text: "one\n" })).text();
  const output = async (of: TestNode) => (await of.run(["output", "work"])).stdout;
  expect(await eventually(async () => (await output(first)).includes("got one"))).toBe(true);
  first.signal("SIGKILL");
  await first.exited;
  const second = await startNode({ directory });
  expect(await output(second)).toBe(`${pid}\ngot one\n`);
  expect(await eventually(() => !isAlive(pid))).toBe(true);
  const { exit } = await jsonOf<{ exit: { reason: string } }>(second.call("shell.wait", { session: "work" }));
  expect(exit.reason).toBe("lost");
  const told = await second.run(["output", "work"]);
  expect([told.code, told.stderr]).toEqual([125, expect.stringContaining("its node was killed")]);
  expect((await second.run(["ps"])).stdout).toContain("lost");
  expect(await second.stop()).toBe(0);
});

test("a revoked token takes its sessions along", async () => {
  const grant = { name: "ci", grant: ["shell.unconfined=*"], acceptWarnings: true };
  const { token } = await jsonOf<{ token: string }>(node.call("access.token-create", grant));
  const answer = await fetch(`${node.address}/v1/shell/start`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ argv: ["sleep", "600"], profile: "unconfined" }),
  });
  const { id, pid } = await jsonOf<{ id: string; pid: number }>(answer);
  expect(isAlive(pid)).toBe(true);
  await (await node.call("access.token-revoke", { token: "ci" })).text();
  const ended = await jsonOf<{ exit: { reason: string } }>(node.call("shell.wait", { session: id }));
  expect(ended.exit.reason).toBe("revoked");
  expect(isAlive(pid)).toBe(false);
});
