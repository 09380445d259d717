/** What one agent may use of the node at once, and how much of an answer it is told. */
export interface McpLimits {
  /** Of one JSON-RPC message. */
  readonly messageBytesMax: number;
  /** Brackets and braces inside each other. Deeper input could exhaust the stack of whoever walks it. */
  readonly jsonDepthMax: number;
  /** Of the words that tools are looked for by: each word is looked for in each tool. */
  readonly queryLengthMax: number;
  /** Requests of one connection that are not answered yet; one more is refused at once. */
  readonly requestsMax: number;
  /** Calls of one connection or session that run, with those that were cancelled and have not ended. */
  readonly callsMax: number;
  /** Messages that wait because their sender does not read what it has asked for. */
  readonly waitingMax: number;
  readonly waitingBytesMax: number;
  /** A connection that takes nothing of a waiting answer for this long is cut. */
  readonly stallMs: number;
  /** After the end of a connection's requests, for their answers. */
  readonly finishMs: number;
  /** Of one answer: items, and bytes of their text. What goes beyond is counted and left out. */
  readonly itemsMax: number;
  readonly answerBytesMax: number;
  /** Of the newest items that are told although the answer was full before: the end says how it went. */
  readonly lastItemsMax: number;
  /** Between two progress notifications of one call. */
  readonly progressEveryMs: number;
  /** A call that takes longer becomes a task, for clients that know them. */
  readonly taskAfterMs: number;
  /** Of what one resource gives. */
  readonly resourceBytesMax: number;
  /** Resources that one connection watches. */
  readonly subscriptionsMax: number;
  /** Between two notifications about one resource. */
  readonly changesEveryMs: number;
  /** How often a resource that nothing tells of is read again and compared. */
  readonly compareEveryMs: number;
}

export const mcpLimits: McpLimits = {
  messageBytesMax: 8 * 1024 * 1024,
  jsonDepthMax: 64,
  queryLengthMax: 1_000,
  requestsMax: 64,
  callsMax: 128,
  waitingMax: 1_024,
  waitingBytesMax: 16 * 1024 * 1024,
  stallMs: 30_000,
  finishMs: 5_000,
  itemsMax: 1_000,
  answerBytesMax: 256 * 1024,
  lastItemsMax: 16,
  progressEveryMs: 25,
  taskAfterMs: 500,
  resourceBytesMax: 4 * 1024 * 1024,
  subscriptionsMax: 64,
  changesEveryMs: 100,
  compareEveryMs: 2_000,
};
