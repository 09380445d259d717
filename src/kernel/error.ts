/**
 * The one closed table of error codes. Every surface answers with one of these and nothing else:
 * HTTP with `http` in a problem document (RFC 9457), the command line with `exit`.
 */
export const errorCodes = {
  internal: { http: 500, exit: 1, title: "Internal error" },
  invalid_input: { http: 400, exit: 2, title: "Invalid input" },
  unauthenticated: { http: 401, exit: 3, title: "Not authenticated" },
  forbidden: { http: 403, exit: 4, title: "Forbidden" },
  not_found: { http: 404, exit: 5, title: "Not found" },
  conflict: { http: 409, exit: 6, title: "Conflict" },
  precondition_failed: { http: 412, exit: 7, title: "Precondition failed" },
  too_large: { http: 413, exit: 8, title: "Too large" },
  unsupported_media: { http: 415, exit: 9, title: "Unsupported media type" },
  range: { http: 416, exit: 10, title: "Range not satisfiable" },
  misdirected: { http: 421, exit: 11, title: "Misdirected request" },
  limited: { http: 429, exit: 12, title: "Limit reached" },
  unsupported: { http: 501, exit: 13, title: "Not supported" },
  outcome_unknown: { http: 502, exit: 14, title: "Outcome unknown" },
  unavailable: { http: 503, exit: 15, title: "Unavailable" },
  deadline: { http: 504, exit: 16, title: "Deadline passed" },
  cancelled: { http: 499, exit: 130, title: "Cancelled" },
} as const satisfies Record<string, { http: number; exit: number; title: string }>;

export type ErrorCode = keyof typeof errorCodes;

/** JSON facts beside the message, for programs: `{ issues: [...] }`, `{ limitBytes: 1048576 }`. Never a secret. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** What every surface sends for a failure. Never holds a stack trace. */
export interface ErrorBody {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details?: ErrorDetails;
}

/** An expected failure. `message` says what was tried, quotes the refused value and names the next step. */
export class OperoneError extends Error {
  override readonly name = "OperoneError";
  readonly code: ErrorCode;
  readonly details: ErrorDetails | undefined;

  constructor(code: ErrorCode, message: string, details?: ErrorDetails, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.details = details;
  }
}

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(errorCodes, value);
}

/**
 * The body that may leave the node. An unexpected error becomes a bare `internal`: its text could quote a path,
 * a secret or a stack, and belongs in the log, where the call id finds it.
 */
export function errorBody(error: unknown, callId?: string): ErrorBody {
  if (error instanceof OperoneError) {
    const body = { code: error.code, message: error.message };
    return error.details === undefined ? body : { ...body, details: error.details };
  }
  const where = callId === undefined ? "the node's log" : `the node's log under call ${callId}`;
  return { code: "internal", message: `The operation failed inside the node; the cause is in ${where}` };
}

/** The opposite of `errorBody`, for clients: an error as it came over a wire. Unknown codes become `internal`. */
export function errorFromBody(body: unknown): OperoneError {
  const record = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  const code = isErrorCode(record.code) ? record.code : "internal";
  const message =
    typeof record.message === "string" ? record.message : "The node answered with an error of unknown form";
  const details = record.details;
  return typeof details === "object" && details !== null
    ? new OperoneError(code, message, details as ErrorDetails)
    : new OperoneError(code, message);
}
