/** Every bound of the roster and its spreading, in one place. */
export const rosterLimits = {
  /** Of the signed bytes of one entry, or of one node's facts. */
  payloadBytesMax: 8 * 1024,
  /** Of the envelope around them: key, type, signature and their lengths come to about 130 bytes. */
  envelopeBytesMax: 8 * 1024 + 256,
  /**
   * Entries that are kept, in all. Those of the mesh key, and of the admins whom it named, come on top: the recovery
   * phrase always works, and so does the admin that it makes. Those of issuers who are no admins any more take no room.
   */
  entriesMax: 20_000,
  /** With those that take no room. */
  storedMax: 60_000,
  /** Also the highest sequence there can be, so that every node stops at the same entry. */
  entriesPerIssuerMax: 5_000,
  /** Entries whose issuer may yet turn out to be an admin. */
  pendingMax: 1_000,
  supersedesMax: 64,
  /** Statements before a promotion of which it knows; so many changes of one role are no honest ones. */
  knownMax: 256,
  factAddressesMax: 32,
  factLabelsMax: 32,
  frameBytesMax: 64 * 1024,
  /** Things in one frame of a summary, and hashes in one frame of a list; keeps both below `frameBytesMax`. */
  summaryItemsMax: 300,
  hashesMax: 800,
  /** Frames of one summary. */
  summaryPagesMax: 256,
  /** Entries and facts that wait to be sent to one peer. */
  outboxMax: 64_000,
  summaryEveryMs: 30_000,
  /** One frame must have been taken by the peer within this. */
  sendTimeoutMs: 30_000,
  /** A living peer sends a summary every `summaryEveryMs`. */
  silenceMsMax: 120_000,
  /** For a removed peer, which has no rights any more, to hear that it is removed before its link is closed. */
  leaveMsMax: 1_000,
  /** Signatures that are verified before other work has its turn; each takes 0.07 ms. */
  verifiedPerTurnMax: 128,
  /** Peers whose budgets are remembered after their link is gone. */
  budgetsMax: 4_096,
} as const;

/** What a peer may cost: at once, and then by the second. See budget.ts. */
export const rosterBudgets = {
  /** Of what it sends; a frame costs at least one. */
  kibibytes: { capacity: 65_536, perSecond: 1_024 },
  /** Signatures to verify: what is known already costs none. */
  signatures: { capacity: 30_000, perSecond: 100 },
  /** Entries and facts that are sent because the peer said it lacks them. */
  answers: { capacity: 100_000, perSecond: 500 },
  /** Entries and facts of nobody who may make them. */
  useless: { capacity: 2_000, perSecond: 5 },
} as const;
