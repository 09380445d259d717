/** What each node says of itself, signed by it: any other node can pass it on, and none can change it. */
import * as v from "valibot";
import { OperoneError } from "../../src/kernel/error.ts";
import { rosterLimits } from "./roster-limits.ts";
import { NodeName } from "./shapes.ts";
import {
  checkAuthor,
  decodePayload,
  encodePayload,
  HashText,
  hashOf,
  isOfKind,
  PeerIdText,
  type SealedRecord,
  type Signer,
  seal,
  unseal,
  verify,
} from "./signed-record.ts";

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const text = (lengthMax: number) => v.pipe(v.string(), v.maxLength(lengthMax));

const Payload = v.strictObject({
  mesh: PeerIdText,
  peer: PeerIdText,
  /** Higher than every one before: Unix time in milliseconds, or one more than the last. */
  sequence: Count,
  name: NodeName,
  version: text(64),
  os: text(32),
  cpu: text(32),
  /** Multiaddrs without a peer id: `/ip4/10.0.0.2/tcp/6738`. */
  addresses: v.pipe(v.array(text(256)), v.maxLength(rosterLimits.factAddressesMax)),
  /** Head of the node's audit chain. A later one with a lower number shows that its tail was cut. */
  audit: v.optional(v.strictObject({ seq: Count, hash: HashText })),
  labels: v.pipe(v.record(text(63), text(255)), v.maxEntries(rosterLimits.factLabelsMax)),
});
export type FactsPayload = Readonly<v.InferOutput<typeof Payload>>;
/** What the node itself fills in; the rest follows from who and when it is. */
export type OwnFacts = Omit<FactsPayload, "mesh" | "peer" | "sequence">;

export interface NodeFacts extends FactsPayload {
  /** SHA-256 of the payload, hex. */
  readonly hash: string;
  readonly envelope: Uint8Array;
}

const kind = { domain: "operone-facts", type: "/operone/node-facts" };
const what = "A node's facts";

/** @throws OperoneError `invalid_input` or `too_large` for facts that no node would take */
export async function signFacts(payload: FactsPayload, signer: Signer): Promise<NodeFacts> {
  const bytes = encodePayload(payload);
  const checked = decodePayload(what, Payload, bytes);
  return { ...checked, hash: hashOf(bytes), envelope: await seal(kind, bytes, signer) };
}

export function unsealFacts(bytes: Uint8Array): SealedRecord {
  return unseal(what, kind, bytes);
}

/** Whether the bytes are an envelope with facts, right or wrong. */
export function areFacts(bytes: Uint8Array): boolean {
  return isOfKind(kind, bytes);
}

/** Before the signature is looked at. @throws OperoneError `invalid_input`, `forbidden` */
export function readFacts(record: SealedRecord, envelope: Uint8Array, mesh: string): NodeFacts {
  const facts = storedFacts(record, envelope);
  if (facts.mesh !== mesh)
    throw new OperoneError("invalid_input", `${what} are for the mesh ${facts.mesh}, and this is ${mesh}`);
  checkAuthor(what, record, facts.peer);
  return facts;
}

/** @throws OperoneError `forbidden` */
export const verifyFacts = (record: SealedRecord): Promise<void> => verify(what, kind, record);

/** Facts of the own store: they were verified before they went there. */
export function storedFacts({ payload, hash }: SealedRecord, envelope: Uint8Array): NodeFacts {
  return { ...decodePayload(what, Payload, payload), hash, envelope };
}

/**
 * True when the first are to be kept instead of the second. With one sequence, which only two living nodes with one
 * key can make, the hash decides, so that every node keeps the same.
 */
export function isNewer(
  facts: Pick<NodeFacts, "sequence" | "hash">,
  than: Pick<NodeFacts, "sequence" | "hash"> | undefined,
): boolean {
  if (than === undefined || facts.sequence !== than.sequence) return facts.sequence > (than?.sequence ?? -1);
  return facts.hash > than.hash;
}
