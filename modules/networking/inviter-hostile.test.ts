/** An inviter that means harm, or is not the inviter: what the joiner must not believe. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { type MeshChannel, memoryChannels } from "../../src/surface/mesh-channel.ts";
import {
  joining,
  meshId,
  peerOf,
  refusal,
  TestMesh,
  type TestNode,
} from "../../tests/networking/enrolling.ts";
import { inviteKeyOf, proofOf } from "./enrolment-proof.ts";
import { EnrolmentWire, Hello, type Message, Proof } from "./enrolment-wire.ts";
import { decodeInviteCode } from "./invite-code.ts";

let mesh: TestMesh;
let inviter: TestNode;
let joiner: TestNode;
let code: string;

beforeEach(() => {
  mesh = new TestMesh();
  inviter = mesh.node(1, meshId);
  joiner = mesh.node(2);
  code = mesh.invite(inviter);
});
afterEach(() => {
  expect(mesh.clock.timers).toBe(0);
  mesh.close();
});

type Proving = (
  hello: { invite: string },
  proof: { nonce: string; proof: string },
  nonce: Uint8Array,
) => string;

/** Stands where the inviter should, and says `then` after a verdict with the proof that `prove` makes. */
function impostor(
  prove: Proving,
  then: readonly (Message | Uint8Array)[] = [],
  isWaiting = false,
): () => MeshChannel {
  return () => {
    const [mine, theirs] = memoryChannels();
    const wire = new EnrolmentWire(theirs);
    const nonce = new Uint8Array(32).fill(4);
    const run = async () => {
      const hello = await wire.receive(Hello);
      await wire.send({ type: "challenge", nonce: Buffer.from(nonce).toString("hex") });
      const proof = await wire.receive(Proof);
      await wire.send({ type: "accepted", proof: prove(hello, proof, nonce), waiting: isWaiting });
      for (const message of then) {
        await (message instanceof Uint8Array ? wire.sendBytes(message) : wire.send(message));
      }
    };
    run().catch(() => {});
    return mine;
  };
}

/** What only the holder of the code can make. */
const rightly: Proving = (hello, proof, inviterNonce) => {
  const transcript = {
    inviteId: hello.invite,
    joiner: joiner.peerId,
    inviter: inviter.peerId,
    meshId,
    joinerNonce: Buffer.from(proof.nonce, "hex"),
    inviterNonce,
  };
  const { key } = inviteKeyOf(decodeInviteCode(code).secret);
  return Buffer.from(proofOf(key, "inviter", transcript)).toString("hex");
};

const admission = { type: "admitted", meshId, role: "operator", entries: 1, bytes: 3 } as const;
const entry = Uint8Array.of(1, 2, 3);

async function refused(channel: () => MeshChannel, as = code) {
  mesh.wiring.tap = (real) => {
    real.reset();
    return channel();
  };
  const join = joining(joiner, as);
  const error = await mesh.settle(refusal(join.ended), 1_000);
  expect(joiner.door.accepted).toEqual([]);
  await mesh.settle(Promise.all(mesh.served));
  return { error, join };
}

test("an inviter that proves the code is believed, so that the refusals below are for their reasons", async () => {
  mesh.wiring.tap = impostor(rightly, [admission, entry]);
  await mesh.settle(joining(joiner, code).ended);
  expect(joiner.door.accepted).toEqual([{ meshId, entries: [entry], inviter: inviter.peerId }]);
  await mesh.settle(Promise.all(mesh.served));
});

test("the joiner's own proof, sent back to it, proves nothing", async () => {
  const { error, join } = await refused(impostor((_, proof) => proof.proof, [admission, entry]));
  expect(error.message).toContain("could not prove that it knows this code");
  expect(join.of("words")).toBeUndefined();
});

test("nothing is taken from an inviter whose proof is wrong, whatever it sends with it", async () => {
  const { error } = await refused(impostor(() => "00".repeat(32), [admission, entry]));
  expect(error.code).toBe("forbidden");
});

test("a proof that was made in the place of the joiner is none of the inviter", async () => {
  const wrongly: Proving = (_, proof) => proof.proof.split("").toReversed().join("");
  expect((await refused(impostor(wrongly))).error.code).toBe("forbidden");
});

test("another node that answers at the address is told nothing at all", async () => {
  const mallory = mesh.node(66, meshId);
  mesh.wiring.answers = () => mallory.peerId;
  const error = await mesh.settle(refusal(joining(joiner, code).ended));
  expect(error.message).toContain(`${mallory.peerId} answered; nothing was told to it`);
  expect(mesh.served).toEqual([]);
  expect(mesh.linksClosed).toHaveLength(1);
});

test("a proven inviter can neither change the role nor the mesh that the code names", async () => {
  const changes = [{ role: "admin" }, { role: "observer" }, { meshId: peerOf(77) }] as const;
  for (const change of changes) {
    const { error } = await refused(impostor(rightly, [{ ...admission, ...change }, entry]));
    expect(error.message).toContain("another mesh, or in another role");
  }
});

test("a roster of other sizes than were announced is not taken", async () => {
  const lies: (Message | Uint8Array)[][] = [
    [admission, new Uint8Array(4)],
    [admission, new Uint8Array(2)],
    [{ ...admission, entries: 0 }],
    [{ ...admission, bytes: 4 * 1024 * 1024 + 1 }],
    [{ ...admission, entries: 65_537 }],
  ];
  for (const lie of lies) {
    const { error } = await refused(impostor(rightly, lie));
    expect(error.code).toBe("invalid_input");
  }
});

test("an unproven inviter has 4 KiB, and 10 seconds", async () => {
  const flood = () => {
    const [mine, theirs] = memoryChannels();
    void theirs.send(new Uint8Array(100_000).fill(255)).catch(() => {});
    return mine;
  };
  expect((await refused(flood)).error.code).toBe("invalid_input");
  const startedAtMs = mesh.clock.monotonicMs();
  const { error, join } = await refused(() => memoryChannels()[0]);
  expect(error.code).toBe("deadline");
  expect(join.steps.filter(({ step }) => step === "retrying")).toHaveLength(4);
  expect(mesh.clock.monotonicMs() - startedAtMs).toBeLessThan(5 * 10_000 + 15_000 + 10_000);
});

test("an inviter that stops after the wait for a person is given up after ten seconds", async () => {
  const { error, join } = await refused(impostor(rightly, [admission], true));
  expect(error.code).toBe("deadline");
  expect(join.of("waiting")).toBeDefined();
});

test("an inviter's reason cannot move the cursor of a terminal", async () => {
  const failed = { type: "failed", code: "forbidden", message: "no\u001b[2J" } as const;
  const { error } = await refused(impostor(rightly, [failed]));
  expect(error.message).not.toContain("\u001b");
});
