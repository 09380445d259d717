import { expect, test } from "bun:test";
import { OperoneError } from "../../src/kernel/error.ts";
import { simulatedClock } from "../../src/kernel/simulated.ts";
import { meshKey, RosterNode, signerOf } from "../../tests/networking/roster-node.ts";
import { RosterDoorway } from "./roster-doorway.ts";

const [a, b, c] = [await signerOf(1), await signerOf(2), await signerOf(3)];

async function doorway(over = async () => {}) {
  const { ledger, roster } = new RosterNode(a, simulatedClock());
  await ledger.issue(meshKey, { subject: a.peerId, role: "admin" });
  return { ledger, roster, door: new RosterDoorway(ledger, a, { over }) };
}
const refusal = (work: Promise<unknown>) => work.catch((error: OperoneError) => error);

test("a newcomer has the role of its invite, and gets the roster", async () => {
  const { roster, door } = await doorway();
  expect((await door.admit(b.peerId, "operator")).entries.length).toBe(2);
  expect(roster.role(b.peerId)).toBe("operator");
});

test("a standing admin that comes again with an observer's invite is an observer", async () => {
  const { roster, door } = await doorway();
  await door.admit(b.peerId, "admin");
  await door.admit(b.peerId, "observer");
  expect([roster.role(b.peerId), roster.index.size]).toEqual(["observer", 3]);
  await door.admit(b.peerId, "observer");
  expect(roster.index.size).toBe(3);
});

test("an invite raises nobody who is in the mesh already", async () => {
  const { roster, door } = await doorway();
  await door.admit(b.peerId, "observer");
  expect(await refusal(door.admit(b.peerId, "admin"))).toMatchObject({
    code: "conflict",
    message: expect.stringMatching(/is observer in this mesh already, and the invite says admin/),
  });
  expect(roster.role(b.peerId)).toBe("observer");
});

test("an admin that ranks before the inviting one keeps its role, and is refused rather than misled", async () => {
  const { roster, ledger, door } = await doorway();
  await door.admit(b.peerId, "admin");
  const other = new RosterDoorway(ledger, b, { over: async () => {} });
  expect(await refusal(other.admit(a.peerId, "observer"))).toMatchObject({ code: "forbidden" });
  expect(roster.role(a.peerId)).toBe("admin");
});

test("nobody comes in before the node has heard another member", async () => {
  const { roster, door } = await doorway(() => Promise.reject(new OperoneError("unavailable", "not yet")));
  expect(await refusal(door.admit(c.peerId, "operator"))).toMatchObject({ message: "not yet" });
  expect(roster.role(c.peerId)).toBeUndefined();
});
