/** What one HTTP call may use of the node, with the numbers that hold unless a setting says otherwise. */
export interface HttpLimits {
  /** Of a JSON body. Bytes that an operation takes are streamed, and limited by the operation. */
  readonly bodyBytesMax: number;
  /** From the head of a request to the last byte of its JSON body. */
  readonly bodyTimeoutMs: number;
  /** Brackets and braces inside each other. Deeper input could exhaust the stack of whoever walks it. */
  readonly jsonDepthMax: number;
  /** Of all items together when they are asked for as one JSON array. */
  readonly arrayBytesMax: number;
  /** A stream of items is never silent for longer. */
  readonly heartbeatMs: number;
  /** A client that takes nothing of a waiting answer for this long has its connection reset. */
  readonly stallMs: number;
  /** Of one WebSocket message. */
  readonly messageBytesMax: number;
  /** WebSocket messages that the operation has not read yet; a WebSocket cannot be paused, so more end the call. */
  readonly messagesWaitingMax: number;
  readonly messagesWaitingBytesMax: number;
}

export const httpLimits: HttpLimits = {
  bodyBytesMax: 1024 * 1024,
  bodyTimeoutMs: 30_000,
  jsonDepthMax: 64,
  arrayBytesMax: 8 * 1024 * 1024,
  heartbeatMs: 5_000,
  stallMs: 30_000,
  messageBytesMax: 1024 * 1024,
  messagesWaitingMax: 1_024,
  messagesWaitingBytesMax: 4 * 1024 * 1024,
};

/** The part of the Clock port that the surface uses. */
export interface Timer {
  after(delayMs: number, run: () => void): () => void;
}
