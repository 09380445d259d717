/**
 * Both sides of `/operone/enroll/1` over one channel; the messages are in `enrolment-wire.ts`.
 *
 * When the connection dies: before `accepted`, nothing has happened, or the invite is used and its peer does not know.
 * After `accepted` the invite is this peer's, durably; after `admitted` the peer stands in the inviter's roster even
 * if it never hears of it. In each case the same peer joins once more with the same code while the invite lives, and
 * is answered again (without a second question to a person who has said yes). To any other peer the code is used.
 */
import { errorBody, errorFromBody, OperoneError } from "../../src/kernel/error.ts";
import type { Clock, Random } from "../../src/kernel/ports.ts";
import type { RoleName } from "../access/contract.ts";
import type { Deadline } from "./deadline.ts";
import {
  commitmentTo,
  inviteKeyOf,
  isCommitmentTo,
  isProof,
  nonceBytes,
  proofOf,
  type Transcript,
} from "./enrolment-proof.ts";
import {
  Challenge,
  EnrolmentProtocolError,
  type EnrolmentWire,
  Hello,
  Outcome,
  Proof,
  Stored,
  Verdict,
  wireLimits,
} from "./enrolment-wire.ts";
import type { InviteCode } from "./invite-code.ts";
import type { Invites, Redemption } from "./invites.ts";
import { safetyWords } from "./safety-words.ts";

export interface Admitted {
  readonly meshId: string;
  /** Envelopes of the roster, for it alone to understand. */
  readonly entries: readonly Uint8Array[];
  /** Peer id that the connection proved and the code named. */
  readonly inviter: string;
}

/** What enrolment needs of the roster. */
export interface RosterDoor {
  /** Undefined while this node is in no mesh. */
  readonly meshId: string | undefined;
  /**
   * Adds the member durably and gives all that it must know. For one who is a member already it changes nothing and
   * answers the same.
   *
   * @throws OperoneError `forbidden` for a key that was removed
   */
  admit(peerId: string, role: RoleName): Promise<{ readonly entries: readonly Uint8Array[] }>;
  /** Verifies and stores, durably. @throws OperoneError when the entries do not make this node a member of the mesh */
  accept(admitted: Admitted): Promise<void>;
}

/** Every refusal is sent this long after the proof came, so that its time says nothing about the reason. */
export const refusalDelayMs = 500;

/** A peer that has proven the code. */
export interface ProvenPeer {
  readonly peerId: string;
  /** What it calls itself. */
  readonly name: string;
  readonly words: readonly string[];
  readonly redemption: Redemption;
}

export interface InviterInput {
  readonly wire: EnrolmentWire;
  /** Of the joiner, from the handshake of the connection. */
  readonly peerId: string;
  readonly selfId: string;
  readonly invites: Invites;
  readonly door: RosterDoor;
  readonly clock: Clock;
  readonly random: Random;
  readonly deadline: Deadline;
  /** The code is proven and used. @throws OperoneError when there is no room; the peer may come again */
  onProven(peer: ProvenPeer): void;
  /** Resolves when a person has said yes, and that is on the disk; rejects with what to tell the joiner. */
  decide(peer: ProvenPeer, gone: Promise<unknown>): Promise<void>;
}

/** Resolves to the new member, or to undefined when the peer was refused. */
export async function serveEnrolment(use: InviterInput): Promise<ProvenPeer | undefined> {
  const { wire, door } = use;
  const transcript = await exchange(use);
  const startedAtMs = use.clock.monotonicMs();
  const peer = redeem(use, transcript);
  if (peer === undefined) {
    await refuse(use, startedAtMs);
    return undefined;
  }
  const { redemption } = peer;
  try {
    use.onProven(peer);
  } catch (error) {
    await wire.send({ type: "busy" }).catch(() => {});
    throw error;
  }
  const proof = Buffer.from(proofOf(redemption.key, "inviter", transcript)).toString("hex");
  await wire.send({ type: "accepted", proof, waiting: redemption.unconfirmed });
  // From here on the joiner has one thing to say; to hear the end of the channel while a person thinks, it is awaited.
  const stored = wire.receive(Stored);
  stored.catch(() => {});
  try {
    if (redemption.unconfirmed) await confirmed(use, peer, stored);
    const { entries } = await door.admit(peer.peerId, redemption.role);
    await sendAdmission(wire, transcript.meshId, redemption.role, entries);
  } catch (error) {
    const { code, message } = errorBody(error);
    await wire.send({ type: "failed", code, message: message.slice(0, 1_024) }).catch(() => {});
    throw error;
  }
  await stored;
  return peer;
}

interface Exchanged extends Transcript {
  readonly name: string;
  readonly proof: Uint8Array;
  readonly committed: boolean;
}

async function exchange({ wire, peerId, selfId, door, random }: InviterInput): Promise<Exchanged> {
  const hello = await wire.receive(Hello);
  const inviterNonce = random.bytes(nonceBytes);
  await wire.send({ type: "challenge", nonce: Buffer.from(inviterNonce).toString("hex") });
  const { nonce, proof } = await wire.receive(Proof);
  const joinerNonce = Buffer.from(nonce, "hex");
  return {
    inviteId: hello.invite,
    joiner: peerId,
    inviter: selfId,
    meshId: door.meshId ?? "",
    joinerNonce,
    inviterNonce,
    name: hello.name,
    proof: Buffer.from(proof, "hex"),
    committed: isCommitmentTo(Buffer.from(hello.commitment, "hex"), joinerNonce),
  };
}

function redeem({ invites, peerId }: InviterInput, exchanged: Exchanged): ProvenPeer | undefined {
  const { inviteId, name, proof, committed } = exchanged;
  const redemption = invites.redeem({
    inviteId,
    peerId,
    proves: (key) => isProof(proof, key, "joiner", exchanged) && committed,
  });
  if (redemption === undefined) return undefined;
  return { peerId, name, words: safetyWords(exchanged), redemption };
}

async function refuse({ wire, clock }: InviterInput, startedAtMs: number): Promise<void> {
  const leftMs = refusalDelayMs - (clock.monotonicMs() - startedAtMs);
  await new Promise<void>((resolve) => clock.after(Math.max(0, leftMs), resolve));
  await wire.send({ type: "refused" });
}

async function confirmed(use: InviterInput, peer: ProvenPeer, gone: Promise<unknown>): Promise<void> {
  use.deadline.pause();
  await use.decide(peer, gone);
  use.deadline.resume();
}

async function sendAdmission(
  wire: EnrolmentWire,
  meshId: string,
  role: RoleName,
  entries: readonly Uint8Array[],
): Promise<void> {
  const bytes = entries.reduce((sum, entry) => sum + entry.length, 0);
  if (bytes > wireLimits.rosterBytesMax || entries.length > wireLimits.entriesMax)
    throw new OperoneError(
      "too_large",
      `The roster has ${entries.length} entries of ${bytes} bytes; an enrolment carries ${wireLimits.entriesMax} of ${wireLimits.rosterBytesMax}`,
    );
  await wire.send({ type: "admitted", meshId, role, entries: entries.length, bytes });
  for (const entry of entries) await wire.sendBytes(entry);
}

export type EnrolmentStep =
  | {
      readonly step: "words";
      readonly words: readonly string[];
      /** Others were told before, and the connection broke. */
      readonly changed?: true;
    }
  | { readonly step: "waiting"; readonly reason: string }
  | { readonly step: "joined"; readonly meshId: string; readonly role: RoleName; readonly inviter: string };

export interface JoinerInput {
  readonly wire: EnrolmentWire;
  readonly code: InviteCode;
  /** Of the inviter, from the handshake of the connection. */
  readonly peerId: string;
  readonly selfId: string;
  /** What this node calls itself. */
  readonly name: string;
  readonly door: RosterDoor;
  readonly random: Random;
  readonly deadline: Deadline;
}

/**
 * @throws OperoneError `forbidden` when the inviter refuses the code, or is not the one that made it; `limited` when it
 *   is busy; `unavailable`; and what the inviter or the own roster says
 */
export async function* joinOver(use: JoinerInput): AsyncGenerator<EnrolmentStep, void> {
  const { wire, code, peerId, deadline, door } = use;
  assertInviter(peerId, code);
  const { key, id } = inviteKeyOf(code.secret);
  const transcript = await answerChallenge(use, id, key);
  const verdict = await wire.receive(Verdict);
  if (verdict.type === "busy") throw busy();
  if (verdict.type === "refused") throw refusedCode();
  // Nothing of what the inviter says counts before this line.
  if (!isProof(Buffer.from(verdict.proof, "hex"), key, "inviter", transcript)) throw unproven(peerId);
  wire.allow(wireLimits.rosterBytesMax + 4 * wireLimits.entriesMax);
  yield { step: "words", words: safetyWords(transcript) };
  if (verdict.waiting) {
    deadline.pause();
    yield { step: "waiting", reason: "A person must confirm this machine at the inviting one" };
  }
  const outcome = await wire.receive(Outcome);
  deadline.resume();
  if (outcome.type === "failed") throw errorFromBody(outcome);
  if (outcome.meshId !== code.meshId || outcome.role !== code.role)
    throw new EnrolmentProtocolError("an admission to another mesh, or in another role, than the code names");
  const entries = await receiveEntries(wire, outcome.entries, outcome.bytes);
  await door.accept({ meshId: code.meshId, entries, inviter: peerId });
  await wire.send({ type: "stored" });
  // The inviter closes when it has read that. Whatever else ends the channel now changes nothing any more.
  await wire.receiveBytes(0).catch(() => {});
  yield { step: "joined", meshId: code.meshId, role: code.role, inviter: peerId };
}

async function answerChallenge(use: JoinerInput, inviteId: string, key: Uint8Array): Promise<Transcript> {
  const { wire, code, peerId, selfId, name, random } = use;
  const joinerNonce = random.bytes(nonceBytes);
  const commitment = Buffer.from(commitmentTo(joinerNonce)).toString("hex");
  await wire.send({ type: "hello", invite: inviteId, commitment, name });
  const challenge = await wire.receive(Challenge);
  if (challenge.type === "busy") throw busy();
  const transcript: Transcript = {
    inviteId,
    joiner: selfId,
    inviter: peerId,
    meshId: code.meshId,
    joinerNonce,
    inviterNonce: Buffer.from(challenge.nonce, "hex"),
  };
  const proof = Buffer.from(proofOf(key, "joiner", transcript)).toString("hex");
  await wire.send({ type: "proof", nonce: Buffer.from(joinerNonce).toString("hex"), proof });
  return transcript;
}

async function receiveEntries(wire: EnrolmentWire, count: number, bytes: number): Promise<Uint8Array[]> {
  const entries: Uint8Array[] = [];
  let leftBytes = bytes;
  while (entries.length < count) {
    const entry = await wire.receiveBytes(leftBytes);
    leftBytes -= entry.length;
    entries.push(entry);
  }
  if (leftBytes === 0) return entries;
  throw new EnrolmentProtocolError(`${leftBytes} bytes of entries fewer than it said`);
}

/** @throws OperoneError `forbidden` when the connection leads to another node than the one that made the code */
export function assertInviter(peerId: string, { inviter }: InviteCode): void {
  if (peerId === inviter) return;
  throw new OperoneError(
    "forbidden",
    `The code was made by ${inviter}, and ${peerId} answered; nothing was told to it. Check the network, and ask for a new code`,
  );
}

function unproven(peerId: string): OperoneError {
  return new OperoneError(
    "forbidden",
    `${peerId} could not prove that it knows this code; nothing of what it sent was taken. Ask for a new code`,
  );
}

function refusedCode(): OperoneError {
  return new OperoneError(
    "forbidden",
    'The inviting machine refuses this code: it was used, has expired, was revoked, or is not its own. Make a new one there with "operone invite"',
  );
}

function busy(): OperoneError {
  return new OperoneError(
    "limited",
    "The inviting machine has too many enrolments at once; try again in a moment",
  );
}
