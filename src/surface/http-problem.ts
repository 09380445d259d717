/** Problem documents (RFC 9457): the only form in which HTTP tells of a failure. */
import { type ErrorBody, errorBody, errorCodes } from "../kernel/error.ts";
import { headerName, mediaType, type Problem } from "./http-wire.ts";

/** On every answer. `no-store`: answers depend on who asks. */
export const guardHeaders = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
} as const;

/** Where an operation chooses the media type: a browser that was led here runs nothing of what comes. */
export const inertPolicy = "default-src 'none'; frame-ancestors 'none'; sandbox";

export interface ProblemOptions {
  readonly callId?: string | undefined;
  /** Instead of the code's own, for what only HTTP has: 405. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

function problemOf(body: ErrorBody, { callId, status }: ProblemOptions = {}): Problem {
  const { http, title } = errorCodes[body.code];
  return {
    type: `urn:operone:error:${body.code}`,
    title: status === 405 ? "Method not allowed" : title,
    status: status ?? http,
    detail: body.message,
    code: body.code,
    ...(body.details === undefined ? {} : { details: body.details }),
    ...(callId === undefined ? {} : { callId }),
  };
}

/** @param error anything thrown; only an OperoneError tells more than that the node failed */
export function problemResponse(error: unknown, options: ProblemOptions = {}): Response {
  const problem = problemOf(errorBody(error, options.callId), options);
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: {
      "content-type": mediaType.problem,
      ...guardHeaders,
      ...(options.callId === undefined ? {} : { [headerName.callId]: options.callId }),
      // RFC 9110, 15.5.17: the size lets the client ask again.
      ...(problem.code === "range" && typeof problem.details?.sizeBytes === "number"
        ? { "content-range": `bytes */${problem.details.sizeBytes}` }
        : {}),
      ...options.headers,
    },
  });
}
