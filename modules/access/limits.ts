/** What access stores at most. Every table, text and queue of the module ends at one of these. */
export const limits = {
  tokensMax: 1_000,
  /** Ended tokens are kept by name for the audit's readers; the oldest go first. */
  endedTokensMax: 1_000,
  grantsPerTokenMax: 100,
  scopeBytesMax: 16 * 1024,
  nodesPerGrantMax: 100,
  nameLengthMax: 64,
  workspacesMax: 20,
  pathLengthMax: 4_096,
  /** Longer strings are no token of ours, and are not even hashed. */
  tokenLengthMax: 128,
  approvalsPerCallerMax: 16,
  approvalsMax: 256,
  approvalsClosedMax: 1_000,
  previewBytesMax: 256 * 1024,
  requestsPerApprovalMax: 100,
  watchersMax: 32,
  /** Records that may wait for the disk before `record` writes them itself. */
  auditBatchMax: 2_048,
  auditTextLengthMax: 256,
  auditPageRecords: 2_000,
  secretsMax: 1_000,
  secretBytesMax: 64 * 1024,
  secretNameLengthMax: 128,
} as const;
