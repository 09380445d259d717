/** One signed statement of the roster: "this issuer, as its n-th word, gives this subject that role". */
import * as v from "valibot";
import { OperoneError } from "../../src/kernel/error.ts";
import { type RoleName, roleNames } from "../access/contract.ts";
import { rosterLimits } from "./roster-limits.ts";
import {
  checkAuthor,
  decodePayload,
  encodePayload,
  HashText,
  hashOf,
  PeerIdText,
  type SealedRecord,
  type Signer,
  seal,
  unseal,
  verify,
} from "./signed-record.ts";

export type RosterRole = RoleName | "removed";

const Sequence = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(rosterLimits.entriesPerIssuerMax));

const Payload = v.pipe(
  v.strictObject({
    /** Peer id of the mesh key. */
    mesh: PeerIdText,
    /** Peer id of whoever says it: an admin's node, or the mesh key. */
    issuer: PeerIdText,
    /** 1, 2, 3... of this issuer. */
    sequence: v.pipe(Sequence, v.minValue(1)),
    /** Hash of the issuer's entry before; null for the first. */
    previous: v.nullable(HashText),
    subject: PeerIdText,
    role: v.picklist([...roleNames, "removed"]),
    /** The statements about the subject that held until now, as the issuer saw it. Sorted. */
    supersedes: v.pipe(v.array(HashText), v.maxLength(rosterLimits.supersedesMax)),
    /**
     * The sequence of the subject's last entry, as an issuer, that is not in doubt. With a role below admin: what it
     * said later does not count. With admin: what it says later counts. Absent means 0: none of its entries yet.
     */
    lastValid: v.optional(v.pipe(Sequence, v.minValue(1))),
    /** The hash of that entry: another one with the same sequence is not meant. */
    lastHash: v.optional(HashText),
  }),
  v.check(
    ({ sequence, previous }) => (sequence === 1) === (previous === null),
    "previous is null for 1 alone",
  ),
  v.check(
    ({ lastValid, lastHash }) => (lastValid === undefined) === (lastHash === undefined),
    "lastValid and lastHash come together",
  ),
  v.check(({ supersedes }) => isAscending(supersedes), "supersedes must be sorted, each once"),
);
export type RosterPayload = Readonly<v.InferOutput<typeof Payload>>;

export interface RosterEntry extends RosterPayload {
  /** SHA-256 of the payload, hex: what it is known by, whatever signature it came with. */
  readonly hash: string;
  /** As it is stored and passed on. */
  readonly envelope: Uint8Array;
}

const kind = { domain: "operone-roster", type: "/operone/roster-entry" };
const what = "A roster entry";

const isAscending = (texts: readonly string[]): boolean =>
  texts.every((text, at) => at === 0 || (texts[at - 1] ?? "") < text);

/** @throws OperoneError `invalid_input` or `too_large` for a payload that no node would take */
export async function signEntry(payload: RosterPayload, signer: Signer): Promise<RosterEntry> {
  const bytes = encodePayload(payload);
  const checked = decodePayload(what, Payload, bytes);
  return { ...checked, hash: hashOf(bytes), envelope: await seal(kind, bytes, signer) };
}

/** Its form and hash, before anything is verified. @throws OperoneError `invalid_input`, `too_large` */
export function unsealEntry(bytes: Uint8Array): SealedRecord {
  return unseal(what, kind, bytes);
}

/**
 * @param mesh the peer id of the own mesh's key
 * @throws OperoneError `invalid_input` (form, or another mesh), `forbidden` (not signed by its issuer)
 */
export async function verifyEntry(
  record: SealedRecord,
  bytes: Uint8Array,
  mesh: string,
): Promise<RosterEntry> {
  const entry = readEntry(record, bytes);
  if (entry.mesh !== mesh)
    throw new OperoneError("invalid_input", `${what} is for the mesh ${entry.mesh}, and this is ${mesh}`);
  checkAuthor(what, record, entry.issuer);
  await verify(what, kind, record);
  return entry;
}

/** An entry of the own store: it was verified before it went there. */
export function storedEntry(bytes: Uint8Array): RosterEntry {
  return readEntry(unsealEntry(bytes), bytes);
}

function readEntry({ payload, hash }: SealedRecord, envelope: Uint8Array): RosterEntry {
  return { ...decodePayload(what, Payload, payload), hash, envelope };
}
