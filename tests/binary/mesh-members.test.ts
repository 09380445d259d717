import { afterAll, expect, test } from "bun:test";
import {
  connected,
  done,
  enter,
  invite,
  meshDirectory,
  meshNode,
  meshPair,
  nodesOf,
  seen,
  started,
} from "./mesh-node.ts";
import { cleanUp, eventually, startNode, type TestNode } from "./node.ts";

afterAll(cleanUp);

async function peerIdOf(node: TestNode): Promise<string> {
  return JSON.parse((await done(node.run(["mesh", "--json"]))).stdout).peerId;
}

test("an invite writes the code alone to stdout, and everything else to stderr", async () => {
  const node = await meshNode("a");
  const made = await done(node.run(["invite", "--role", "operator"]));
  expect(made.stdout).toMatch(/^operone1[0-9a-z]+\n$/);
  expect(made.stderr).toContain("recovery phrase");
  expect(made.stderr).toContain(`operone join ${made.stdout.trim()}`);
  const again = await done(node.run(["invite", "--json"]));
  expect(JSON.parse(again.stdout)).toMatchObject({ invite: { role: "operator", state: "open" } });
  expect(JSON.parse(again.stdout).recoveryPhrase).toBeUndefined();
  const { invites } = JSON.parse((await done(node.run(["invites", "--json"]))).stdout);
  expect(invites.length).toBe(2);
  await node.stop();
});

test("a node that joined with nothing said can be looked at, and used for nothing", async () => {
  const [a, b] = await Promise.all([meshNode("a"), meshNode("b")]);
  const joined = await done(b.run(["join", await invite(a, "--role", "admin")]));
  expect(joined.stdout).toContain("Joined the mesh");
  expect(joined.stderr).toContain("Safety words: ");
  await connected(a, "b");
  expect((await done(a.run(["status", "--node", "b", "--json"]))).stdout).toContain('"name":"b"');
  const refused = await a.run(["shell", "run", "--profile", "unconfined", "--node", "b", "--", "true"]);
  expect(refused.code).toBe(125);
  expect(refused.stderr).toContain("operone allow ROLE");
  expect((await a.run(["token", "create", "x", "--grant", "node.observe=*", "--node", "b"])).code).not.toBe(
    0,
  );
  await done(b.run(["allow", "admin", "a"]));
  expect(
    (await a.run(["shell", "run", "--profile", "unconfined", "--node", "b", "--", "echo", "hi"])).stdout,
  ).toBe("hi\n");
  await done(b.run(["allow", "observer", "a"]));
  expect((await a.run(["shell", "run", "--profile", "unconfined", "--node", "b", "--", "true"])).code).toBe(
    125,
  );
  await Promise.all([a.stop(), b.stop()]);
});

test("wrong, used, revoked and expired codes say what is wrong, and let nobody in", async () => {
  const [a, b, c] = await Promise.all([meshNode("a"), meshNode("b"), meshNode("c")]);
  const used = await invite(a);
  await done(b.run(["join", used]));
  const typo = `${used.slice(0, 40)}${used[40] === "0" ? "1" : "0"}${used.slice(41)}`;
  const revoked = await invite(a);
  const { invites } = JSON.parse((await done(a.run(["invites", "--json"]))).stdout);
  await done(a.run(["invite", "revoke", invites[0].id]));
  const expired = await invite(a, "--expires-in", "1s");
  expect(
    await eventually(async () => (await a.run(["invites", "--json"])).stdout.includes('"expired"')),
  ).toBe(true);
  for (const [code, exit, reason] of [
    ["operone1abc", 2, "code"],
    [typo, 2, "code"],
    [used, 4, "used, revoked, or has expired"],
    [revoked, 4, "used, revoked, or has expired"],
    [expired, 4, "used, revoked, or has expired"],
  ] as const) {
    const refused = await c.run(["join", code]);
    expect({ code, exit: refused.code, stderr: refused.stderr }).toEqual({
      code,
      exit,
      stderr: expect.stringContaining(reason),
    });
  }
  expect((await nodesOf(a)).length).toBe(2);
  expect(JSON.parse((await done(c.run(["mesh", "--json"]))).stdout).state).toBe("none");
  const inMesh = await b.run(["join", await invite(a)]);
  expect(inMesh.code).toBe(6);
  expect(inMesh.stderr).toContain("operone leave");
  await Promise.all([a.stop(), b.stop(), c.stop()]);
});

test("with --confirm a person compares the words on both sides, and says yes or no", async () => {
  const [a, b] = await Promise.all([meshNode("a"), meshNode("b")]);
  const wait = async () => {
    const joining = await started(b, ["join", await invite(a, "--confirm"), "--json"], "ignore");
    const outcome = Promise.all([new Response(joining.stdout).text(), joining.exited]);
    let waiting: { id: string; words: string[]; direction: string }[] = [];
    expect(
      await eventually(async () => {
        waiting = JSON.parse((await done(a.run(["pending", "--json"]))).stdout).pending;
        return waiting.length > 0;
      }),
    ).toBe(true);
    const own = JSON.parse((await done(b.run(["pending", "--json"]))).stdout).pending;
    expect(own[0]).toMatchObject({ direction: "out", words: waiting[0]?.words });
    expect(waiting[0]?.words.length).toBeGreaterThan(2);
    return { id: waiting[0]?.id ?? "", outcome };
  };
  const first = await wait();
  await done(a.run(["reject", first.id]));
  const [, refused] = await first.outcome;
  expect(refused).toBe(4);
  expect((await nodesOf(a)).length).toBe(1);
  const second = await wait();
  await done(a.run(["confirm", second.id]));
  const [text, exit] = await second.outcome;
  expect({ exit, text }).toMatchObject({ exit: 0, text: expect.stringContaining('"joined"') });
  await connected(a, "b");
  expect(JSON.parse((await done(a.run(["pending", "--json"]))).stdout).pending).toEqual([]);
  await Promise.all([a.stop(), b.stop()]);
});

test("nodes are seen, pinged, renamed, given roles, removed, and can come back with a new key", async () => {
  const { a, b } = await meshPair();
  const watching = await started(a, ["events", "--json"], "ignore");
  let events = "";
  void watching.stdout.pipeTo(
    new WritableStream({
      write(chunk) {
        events += new TextDecoder().decode(chunk);
      },
    }),
  );
  const told = (event: string) => eventually(() => events.includes(`"event":"${event}"`));
  expect((await done(a.run(["ping", "b", "--json"]))).stdout).toContain("roundTripMs");
  expect((await a.run(["ping", "nobody"])).code).toBe(5);
  expect((await done(a.run(["nodes"]))).stdout).toMatch(/b +connected +admin/);

  await done(a.run(["role", "b", "operator"]));
  await seen(b, "its own role", (nodes) => nodes.some((one) => one.self && one.role === "operator"));
  const forbidden = await b.run(["invite"]);
  expect(forbidden.code).toBe(4);
  expect(forbidden.stderr).toContain("Only an admin");
  expect((await b.run(["role", "b", "admin"])).code).toBe(4);

  const old = await peerIdOf(b);
  await done(a.run(["remove", "b"]));
  expect(
    await eventually(
      async () => JSON.parse((await done(b.run(["mesh", "--json"]))).stdout).state === "removed",
    ),
  ).toBe(true);
  expect((await a.run(["status", "--node", "b"])).code).toBe(5);
  expect((await b.run(["status", "--node", "a"])).code).not.toBe(0);
  expect((await b.run(["join", await invite(a)])).code).toBe(6);
  await done(b.run(["leave"]));
  await enter(a, b, "--allow", "admin");
  await connected(a, "b");
  expect(await peerIdOf(b)).not.toBe(old);
  expect(await told("removed")).toBe(true);
  expect(await told("role")).toBe(true);
  expect(await told("joined")).toBe(true);
  watching.kill("SIGINT");
  expect(await watching.exited).toBe(130);
  await Promise.all([a.stop(), b.stop()]);
});

test("a rename is seen by the others, who then call by the new name", async () => {
  const [a, b] = await Promise.all([meshNode("a"), startNode({ directory: meshDirectory(undefined) })]);
  await enter(a, b);
  await done(b.run(["rename", "pi"]));
  await connected(a, "pi");
  expect((await done(a.run(["status", "--node", "pi", "--json"]))).stdout).toContain('"name":"pi"');
  const fixed = await a.run(["rename", "other"]);
  expect(fixed.code).toBe(6);
  expect(fixed.stderr).toContain("config");
  await Promise.all([a.stop(), b.stop()]);
});

test("the recovery phrase from stdin makes an admin of a node when none is left", async () => {
  const [a, b] = await Promise.all([meshNode("a"), meshNode("b")]);
  const made = JSON.parse((await done(a.run(["invite", "--json"]))).stdout);
  await done(b.run(["join", made.code]));
  await connected(b, "a");
  const wrong = await b.run(["recover"], { stdin: "one two three\n" });
  expect(wrong.code).toBe(2);
  await a.stop();
  await done(b.run(["recover"], { stdin: `${made.recoveryPhrase}\n` }));
  expect(JSON.parse((await done(b.run(["mesh", "--json"]))).stdout).role).toBe("admin");
  await done(b.run(["remove", "a"]));
  expect((await nodesOf(b)).length).toBe(1);
  await b.stop();
});
