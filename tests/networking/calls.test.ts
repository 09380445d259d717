/** Calls between two nodes when something goes wrong on the way, or the other side does not keep to the rules. */
import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { protocols } from "../../modules/networking/transport.ts";
import { encodeBody } from "../../src/surface/mesh.ts";
import { encodeFrame, frameKind, framesOf } from "../../src/surface/mesh-frames.ts";
import {
  connected,
  joinMesh,
  type MeshNode,
  refusalOf,
  removeMeshNodes,
  startMeshNode,
  until,
} from "./mesh-node.ts";

// Nothing takes so long; a busy machine must not make a difference.
setDefaultTimeout(60_000);

let here: MeshNode;
let there: MeshNode;
let old: MeshNode;
const node = "there";
const never = new AbortController().signal;
beforeAll(async () => {
  [here, there, old] = await Promise.all([
    startMeshNode({ name: "here" }),
    startMeshNode({ name: "there" }),
    startMeshNode({ name: "old", version: "0.9.0", lacks: ["gauge.count", "gauge.drip", "gauge.wipe"] }),
  ]);
  await joinMesh(here, there);
  await joinMesh(here, old);
  await connected(here, there, old);
});
afterEach(() => {
  there.gauge.ran.length = 0;
});
afterAll(removeMeshNodes);

test("a call that comes twice runs once, whatever its shape", async () => {
  expect(await here.given("gauge.count", {}, { node, callId: "twice-1" })).toBe(1);
  expect((await here.refused("gauge.count", {}, { node, callId: "twice-1" })).code).toBe("conflict");
  expect(there.gauge.ran).toEqual(["x"]);
  const stop = new AbortController();
  const options = { node, callId: "twice-2", signal: stop.signal };
  const first = refusalOf(here.given("gauge.drip", {}, options));
  await until(() => there.gauge.running() === 1);
  expect((await here.refused("gauge.drip", {}, { node, callId: "twice-2" })).code).toBe("conflict");
  stop.abort();
  await first;
  await until(() => there.gauge.running() === 0);
  expect(there.gauge.ran).toEqual(["x", "x"]);
});

test("a write with one idempotency key runs once, and gives its first answer again", async () => {
  const options = { node, idempotencyKey: "key-1" };
  const [first, again] = [
    await here.given("gauge.count", {}, options),
    await here.given("gauge.count", {}, options),
  ];
  expect([first, again, there.gauge.ran]).toEqual([1, 1, ["x"]]);
});

test("a write whose link is cut after it was sent has an unknown outcome, and is not sent again", async () => {
  for (const operation of ["gauge.hold", "gauge.drip"]) {
    there.gauge.ran.length = 0;
    const call = refusalOf(here.given(operation, {}, { node }));
    await until(() => there.gauge.running() === 1);
    there.mesh().transport.hangUp(here.mesh().peerId);
    expect([operation, (await call).code]).toEqual([operation, "outcome_unknown"]);
    // The links come back by themselves, and nothing is repeated over them.
    await connected(here, there);
    await until(() => there.gauge.running() === 0);
    expect(await here.given("node.version", {}, { node })).toMatchObject({ version: "1.0.0" });
    expect([operation, there.gauge.ran]).toEqual([operation, ["x"]]);
  }
});

test("a read that is cut off says so, and can be called again", async () => {
  const answer = await here.call("sample.forever", {}, { node });
  if (answer.gives !== "items") return expect.unreachable();
  const items = answer.items[Symbol.asyncIterator]();
  await items.next();
  there.mesh().transport.hangUp(here.mesh().peerId);
  const rest = refusalOf(
    (async () => {
      while ((await items.next()).done !== true);
    })(),
  );
  expect((await rest).code).toBe("unavailable");
  await connected(here, there);
  expect(await here.given("sample.add", { a: 1, b: 2 }, { node })).toEqual({ sum: 3 });
});

test("whoever stops reading or gives a call up ends it over there", async () => {
  const stop = new AbortController();
  const held = refusalOf(here.given("gauge.hold", {}, { node, signal: stop.signal }));
  const answer = await here.call("gauge.drip", {}, { node });
  await until(() => there.gauge.running() === 2);
  stop.abort();
  expect((await held).code).toBe("cancelled");
  if (answer.gives === "items") for await (const _ of answer.items) break;
  await until(() => there.gauge.running() === 0);
});

test("a slow reader of one stream blocks neither calls nor other streams on the same link", async () => {
  const before = there.gauge.dripped();
  const answer = await here.call("gauge.drip", { text: "big" }, { node });
  if (answer.gives !== "items") return expect.unreachable();
  const items = answer.items[Symbol.asyncIterator]();
  await items.next();
  for (let call = 0; call < 300; call++)
    expect(await here.given("sample.add", { a: call, b: 1 }, { node })).toEqual({ sum: call + 1 });
  expect(await here.given("sample.count", { to: 2 }, { node })).toEqual([{ n: 1 }, { n: 2 }]);
  // Nobody read on, so all that was made lies in buffers, and these are small.
  expect(there.gauge.dripped() - before).toBeLessThan(100);
  // It was slow and not gone: the rest comes when it reads on.
  expect(there.gauge.running()).toBe(1);
  for (let item = 0; item < 200; item++) expect((await items.next()).done).toBe(false);
  await items.return?.();
  await until(() => there.gauge.running() === 0);
});

const claims = (changes: object = {}) => ({
  version: "1.0.0",
  caller: { kind: "owner", id: "owner", name: "owner" },
  sets: [{ holder: "owner", owner: true, grants: [] }],
  hops: 1,
  ...changes,
});
const countWith = (given: unknown) =>
  here.mesh().calls(there.mesh().peerId).call("gauge.count", {}, { signal: never, claims: given });

test("claims that are none cost one refused call, and those beside it go on", async () => {
  const set = { holder: "x", owner: false, grants: [] };
  const grant = { permission: "gauge.use", scope: "*", decision: "allow" };
  const wrong: readonly unknown[] = [
    undefined,
    null,
    "owner",
    [],
    {},
    claims({ sets: undefined }),
    claims({ caller: undefined }),
    claims({ hops: 3 }),
    claims({ hops: 0 }),
    claims({ version: "x".repeat(1_000_000) }),
    claims({ caller: { kind: "owner", id: "x".repeat(300_000), name: "x".repeat(300_000) } }),
    claims({ sets: Array.from({ length: 1_000 }, () => set) }),
    claims({ sets: [{ ...set, grants: Array.from({ length: 5_000 }, () => grant) }] }),
    claims({ sets: [{ ...set, grants: [{ ...grant, decision: "always" }] }] }),
    claims({ caller: { kind: "god", id: "x", name: "x" } }),
  ];
  const beside = here.given("gauge.hold", { text: "beside" }, { node });
  await until(() => there.gauge.running() === 1);
  for (const given of wrong)
    expect((await refusalOf(countWith(given))).code).toBeOneOf(["invalid_input", "too_large"]);
  for (const given of [claims({ sets: [] }), claims({ sets: [set] })])
    expect((await refusalOf(countWith(given))).code).toBe("forbidden");
  there.gauge.release();
  expect(await beside).toBe("beside");
  expect(there.gauge.ran).toEqual(["beside"]);
});

test("fields that this version does not know are passed over, and give no right", async () => {
  const strange = claims({ admin: true, sets: [{ holder: "x", owner: false, grants: [], role: "admin" }] });
  expect((await refusalOf(countWith(strange))).code).toBe("forbidden");
  expect(await countWith(claims({ mood: "good" }))).toMatchObject({ gives: "value" });
  expect(there.gauge.ran).toEqual(["x"]);
});

/** MessagePack by hand, because no encoder makes these. */
const text = (value: string) => Uint8Array.from([0xa0 | value.length, ...Buffer.from(value)]);
const map = (...pairs: readonly Uint8Array[]) =>
  Buffer.concat([Uint8Array.of(0x80 | (pairs.length / 2)), ...pairs]);
const nested = (depth: number) => Buffer.concat([new Uint8Array(depth).fill(0x91), Uint8Array.of(0xc0)]);

test("a body with a key twice, or nested without end, ends its own channel and runs nothing", async () => {
  const call = (...more: readonly Uint8Array[]) =>
    map(text("operation"), text("gauge.count"), text("input"), map(), ...more);
  const good = encodeBody(claims(), "Claims");
  const bodies = [
    call(text("claims"), encodeBody(claims({ sets: [] }), "Claims"), text("claims"), good),
    call(text("claims"), map(text("sets"), nested(0), text("sets"), nested(0))),
    call(text("claims"), nested(10_000)),
    call(text("claims"), Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff)),
    Uint8Array.of(0xc1),
  ];
  const [link] = here
    .mesh()
    .transport.links()
    .filter(({ peerId }) => peerId === there.mesh().peerId);
  for (const body of bodies) {
    const channel = await link?.openChannel(protocols.rpc, never);
    if (channel === undefined) return expect.unreachable();
    await channel.send(encodeFrame(frameKind.last, 1, body)).catch(() => {});
    // It ends without an answer.
    const frames = await Array.fromAsync(framesOf(channel.chunks)).catch(() => []);
    expect(frames).toEqual([]);
  }
  expect(there.gauge.ran).toEqual([]);
  // The same by hand, and right, is answered: what was refused above was refused for what it is.
  const channel = await link?.openChannel(protocols.rpc, never);
  await channel?.send(encodeFrame(frameKind.last, 1, call(text("claims"), good)));
  for await (const frame of framesOf(channel?.chunks ?? expect.unreachable())) {
    expect(frame.call).toBe(1);
    break;
  }
  channel?.reset();
  expect(there.gauge.ran).toEqual(["x"]);
  expect(await here.given("sample.add", { a: 1, b: 2 }, { node })).toEqual({ sum: 3 });
});

test("what an older node does not have is unsupported, with both versions, through either kind of channel", async () => {
  for (const operation of ["gauge.count", "gauge.drip"]) {
    const { code, message } = await here.refused(operation, {}, { node: "old" });
    expect([operation, code]).toEqual([operation, "unsupported"]);
    expect(message).toContain("0.9.0");
    expect(message).toContain("1.0.0");
  }
  // What this node does not have it cannot send; the newer one is not asked.
  expect((await old.refused("gauge.count", {}, { node: "here" })).code).toBe("not_found");
});

test("an older node checks everything that it has", async () => {
  await old.given("networking.allow", { role: "observer" });
  expect((await here.refused("gauge.hold", {}, { node: "old" })).code).toBe("forbidden");
  await old.given("networking.allow", { role: "admin" });
  const token = await here.token({
    name: "some",
    grants: [{ permission: "node.observe", scope: "*", nodes: "*" }],
  });
  expect((await here.refused("gauge.hold", {}, { node: "old", token })).code).toBe("forbidden");
  const call = here.mesh().calls(old.mesh().peerId).call("gauge.hold", {}, { signal: never });
  expect((await refusalOf(call)).code).toBe("invalid_input");
  expect(old.gauge.ran).toEqual([]);
});
