import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { openDatabase } from "../../src/platform/sqlite.ts";
import { meshId, peerOf, TestMesh, type TestNode } from "../../tests/networking/enrolling.ts";
import { generateSQLiteDrizzleJson, generateSQLiteMigration } from "../../tests/platform/drizzle-kit.ts";
import { inviteKeyOf } from "./enrolment-proof.ts";
import { decodeInviteCode } from "./invite-code.ts";
import { type InviteRow, InviteStore } from "./invite-store.ts";
import { migrations } from "./migrations.ts";
import { invites as table } from "./store.ts";

let mesh: TestMesh;
let node: TestNode;
const [alice, bob] = [peerOf(11), peerOf(12)];

beforeEach(() => {
  mesh = new TestMesh();
  node = mesh.node(1, meshId);
});
afterEach(() => mesh.close());

function redeem(inviteId: string, peerId: string, right = true) {
  return node.invites.redeem({ inviteId, peerId, proves: () => right });
}

function shown(id: string) {
  const found = node.invites.list().find((invite) => invite.id === id);
  if (found === undefined) throw new Error("it is not listed");
  return found;
}

test("the migration leads to the very table that the queries are written against", async () => {
  const shape = (client: Database) =>
    ["table_info(invites)", "index_list(invites)", "index_info(invites_created)"].map((what) =>
      client.query(`pragma ${what}`).all(),
    );
  const wanted = new Database(":memory:");
  const [empty, full] = [await generateSQLiteDrizzleJson({}), await generateSQLiteDrizzleJson({ table })];
  for (const statement of await generateSQLiteMigration(empty, full)) wanted.run(statement);
  const real = new Database(":memory:");
  for (const { sql } of migrations) real.run(sql);
  expect(shape(real)).toEqual(shape(wanted));
});

test("an invite lives ten minutes, a day at most, and its code says so", async () => {
  const { code, id } = mesh.inviteWithId(node);
  expect(decodeInviteCode(code).expiresAtMs).toBe(shown(id).expiresAtMs);
  expect(shown(id).expiresAtMs - mesh.clock.nowMs()).toBe(600_000);
  for (const expiresInMs of [0, -1, Number.NaN, 86_400_001])
    expect(() => mesh.invite(node, { expiresInMs })).toThrow(/choose up to 24 hours/);
  await mesh.clock.advance(600_000);
  expect(shown(id).state).toBe("expired");
});

test("the disk holds nothing from which the code could be made again", () => {
  const { secret } = decodeInviteCode(mesh.invite(node));
  const database = new Database(`${mesh.directory}/networking.db`);
  const rows = database.query("select * from invites").all();
  database.close();
  const dump = JSON.stringify(rows, (_, value) =>
    value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value,
  );
  expect(dump).toContain(Buffer.from(inviteKeyOf(secret).key).toString("hex"));
  expect(dump).not.toContain(Buffer.from(secret).toString("hex"));
});

test("a redeemed invite belongs to one peer, also for the next run of the node", () => {
  const { id } = mesh.inviteWithId(node);
  expect(redeem(id, alice)).toMatchObject({ role: "operator", unconfirmed: false });
  node = mesh.restart(node, 1);
  expect(shown(id)).toMatchObject({ state: "used", usedBy: alice });
  expect(redeem(id, bob)).toBeUndefined();
  expect(redeem(id, alice)).toMatchObject({ role: "operator" });
});

test("the fifth wrong proof closes an invite, and the four before it do not", () => {
  const { id } = mesh.inviteWithId(node);
  for (let attempt = 1; attempt <= 4; attempt++) expect(redeem(id, bob, false)).toBeUndefined();
  expect(shown(id)).toMatchObject({ state: "open", failedAttempts: 4 });
  redeem(id, bob, false);
  expect(shown(id)).toMatchObject({ state: "revoked", failedAttempts: 5 });
  node = mesh.restart(node, 1);
  expect(redeem(id, alice)).toBeUndefined();
});

test("wrong proofs of one invite do not touch another, nor one that is used", () => {
  const [first, second] = [mesh.inviteWithId(node).id, mesh.inviteWithId(node).id];
  redeem(second, alice);
  for (let attempt = 0; attempt < 9; attempt++) for (const id of [first, second]) redeem(id, bob, false);
  expect(shown(second)).toMatchObject({ state: "used", failedAttempts: 0 });
  expect(shown(first).failedAttempts).toBe(5);
});

test("every attempt costs one look at a key, whatever the invite", async () => {
  const { id } = mesh.inviteWithId(node);
  let looks = 0;
  for (const inviteId of [id, "00".repeat(16)]) {
    node.invites.redeem({
      inviteId,
      peerId: bob,
      proves: (key) => {
        looks += key.length === 32 ? 1 : 100;
        return false;
      },
    });
  }
  expect(looks).toBe(2);
});

test("what was expired, revoked or never there is not redeemed by a right proof", async () => {
  const revoked = mesh.inviteWithId(node).id;
  expect(node.invites.revoke(revoked).state).toBe("revoked");
  expect(redeem(revoked, alice)).toBeUndefined();
  expect(redeem("00".repeat(16), alice)).toBeUndefined();
  const { id } = mesh.inviteWithId(node);
  await mesh.clock.advance(600_000);
  expect(redeem(id, alice)).toBeUndefined();
  expect(() => node.invites.revoke("no")).toThrow(/There is no invite "no"/);
});

test("a used invite answers its own peer only while it lives, and no longer once it is revoked", async () => {
  const [first, second] = [mesh.inviteWithId(node).id, mesh.inviteWithId(node).id];
  redeem(first, alice);
  redeem(second, alice);
  node.invites.revoke(first);
  expect(redeem(first, alice)).toBeUndefined();
  await mesh.clock.advance(600_000);
  expect(redeem(second, alice)).toBeUndefined();
});

test("a person's yes does not outlive the invite", async () => {
  const { id } = mesh.inviteWithId(node, { confirm: true });
  expect(redeem(id, alice)).toMatchObject({ unconfirmed: true });
  await mesh.clock.advance(600_000);
  expect(() => node.invites.confirm(id)).toThrow(/was revoked or has expired/);
});

test("at most 32 are open", async () => {
  for (let count = 0; count < 32; count++) mesh.invite(node);
  expect(() => mesh.invite(node)).toThrow(/32 invites are open/);
  await mesh.clock.advance(600_000);
  mesh.invite(node);
});

test("the oldest closed invites are forgotten, and an open one never", () => {
  const database = openDatabase({ path: `${mesh.directory}/kept.db`, migrations, synchronous: "normal" });
  const store = new InviteStore(database);
  const row = (number: number, revoked: boolean): InviteRow => ({
    id: String(number),
    key: Buffer.alloc(32),
    role: "observer",
    confirm: false,
    createdAtMs: number,
    expiresAtMs: 1_000,
    failedAttempts: 0,
    usedBy: null,
    usedAtMs: null,
    confirmedAtMs: null,
    revokedAtMs: revoked ? number : null,
  });
  for (let number = 0; number < 9; number++) store.insert(row(number, number !== 1), 3);
  expect(store.list().map(({ id }) => id)).toEqual(["8", "7", "6", "1"]);
  database.close();
});

test("a stranger is admitted to the protocol only while it could get something from it", async () => {
  expect(node.enrolments.admits(alice)).toBe(false);
  const { id } = mesh.inviteWithId(node);
  expect(node.enrolments.admits(alice)).toBe(true);
  redeem(id, alice);
  expect([node.enrolments.admits(alice), node.enrolments.admits(bob)]).toEqual([true, false]);
  await mesh.clock.advance(600_000);
  expect(node.enrolments.admits(alice)).toBe(false);
});
