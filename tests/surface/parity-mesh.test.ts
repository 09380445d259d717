/** The laws of parity through a second node: whatever is on the mesh surface runs over there as it would here. */

import { afterAll, beforeAll, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { claimsFor, judged } from "../../modules/networking/claims.ts";
import type { GrantSet } from "../../src/kernel/authority.ts";
import type { OperationClient } from "../../src/surface/client.ts";
import {
  connected,
  joinMesh,
  type MeshNode,
  removeMeshNodes,
  startMeshNode,
} from "../networking/mesh-node.ts";
import type { DoorOptions } from "./doors.ts";
import { keptIn } from "./harmless.ts";
import {
  assertEqualAnswers,
  proveCancelled,
  proveExamples,
  proveForbidden,
  proveInvalid,
  proveValid,
  type Subject,
} from "./parity.ts";
import { caller, owner } from "./sample-node.ts";

// Nothing takes so long; a busy machine must not make a difference.
setDefaultTimeout(120_000);

const version = "1.0.0";
let here: MeshNode;
let there: MeshNode;
let subject: Subject;
beforeAll(async () => {
  [here, there] = await Promise.all([startMeshNode({ name: "here" }), startMeshNode({ name: "there" })]);
  await joinMesh(here, there);
  await connected(here, there);
  subject = {
    view: there.kernel.view,
    ...judgedThere(owner),
    doors,
    numRuns: 3,
    harmless: keptIn(files),
    failing: new Set(["sample.crash"]),
  };
});
const files = mkdtempSync(join(tmpdir(), "op-"));
afterAll(async () => {
  await removeMeshNodes();
  rmSync(files, { recursive: true });
});

function claims(sets: readonly GrantSet[]) {
  const { peerId } = there.mesh();
  return claimsFor({ peerId, names: new Set([peerId, "there"]) }, { caller, sets }, version);
}

/** Who the owner of `here` is over there, so that the measure is asked by the same caller. */
function judgedThere(sets: readonly GrantSet[]): Pick<Subject, "caller" | "owner"> {
  const sender = { peerId: here.mesh().peerId, name: "here", role: "admin", cap: "admin" } as const;
  const found = judged(claims(sets), sender, there.kernel.view.permissions);
  return { caller: found.caller, owner: found.sets };
}

/** The doors of `here`, with the node named, and a call over the mesh alone. Always with the rights of an owner here. */
function doors(sets: readonly GrantSet[]): DoorOptions {
  const own = sets === subject.owner ? owner : sets;
  const mesh = (of: readonly GrantSet[]): OperationClient => ({
    call: (operation, input, options) =>
      here
        .mesh()
        .calls(there.mesh().peerId)
        .call(operation, input, { ...options, claims: claims(of) }),
  });
  return { view: here.kernel.view, caller, sets: own, through: { node: "there", mesh } };
}

/** They never answer by themselves, or count how often they were called. */
const special = new Set([
  "sample.slow",
  "sample.forever",
  "gauge.count",
  "gauge.hold",
  "gauge.drip",
  "gauge.wipe",
]);
const operations = () =>
  [...there.kernel.view.table.values()].filter(
    ({ id, surfaces }) => surfaces.includes("mesh") && !special.has(id),
  );
const samples = () => operations().filter(({ module }) => module === "sample");

test("every example runs over there, gives what it says, and gives it through every door", async () => {
  for (const operation of operations()) await proveExamples(subject, operation);
});

test("an operation of every shape gives the same over there, for every valid input", async () => {
  for (const operation of samples()) await proveValid(subject, operation);
});

test("an operation that reads one value gives the same over there, for every valid input", async () => {
  const reading = operations().filter(
    ({ effect, gives, takes, module }) =>
      module !== "sample" && effect === "read" && gives === "value" && takes === "nothing",
  );
  for (const operation of reading) await proveValid({ ...subject, numRuns: 2 }, operation);
});

test("an invalid input is refused by the other node, whatever the operation would do", async () => {
  for (const operation of operations()) await proveInvalid(subject, operation);
});

test("a missing permission is refused, whatever the operation would do", async () => {
  for (const operation of operations().filter(({ needs }) => needs.length > 0))
    await proveForbidden(subject, operation);
});

test("a cancelled call ends at the other node, through every door", async () => {
  for (const operation of ["sample.slow", "sample.forever"]) await proveCancelled(subject, operation);
});

test("a failure before, between and after items or bytes is the same over there", async () => {
  for (const failAt of [1, 3, 6])
    await assertEqualAnswers(subject, { operation: "sample.count", input: { to: 5, failAt } });
  for (const failAt of [0, 60_000])
    await assertEqualAnswers(subject, { operation: "sample.file", input: { sizeBytes: 90_000, failAt } });
});

test("a value that is too big between nodes is too_large through every door", async () => {
  await assertEqualAnswers(subject, { operation: "sample.huge", input: { sizeBytes: 3_000_000 } });
});
