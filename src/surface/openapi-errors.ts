/** Which error codes a call over HTTP can end with. */
import { type ErrorCode, errorCodes } from "../kernel/error.ts";
import type { Operation } from "../kernel/operation.ts";

/** The door, the dispatcher and the limits can refuse any call. */
const everyCall: readonly ErrorCode[] = [
  "internal",
  "invalid_input",
  "unauthenticated",
  "forbidden",
  "misdirected",
  "limited",
  "unavailable",
  "cancelled",
];

/** In the order of the table of codes. */
export function documentedErrors({
  takes,
  gives,
  effect,
  deadlineMs,
  surfaces,
  errors,
}: Operation): readonly ErrorCode[] {
  const codes = new Set<ErrorCode>([...everyCall, ...errors]);
  if (takes !== "messages")
    for (const code of ["unsupported_media", "too_large", "deadline"] as const) codes.add(code);
  if (deadlineMs > 0) codes.add("deadline");
  if (gives === "bytes" && effect === "read")
    for (const code of ["range", "precondition_failed"] as const) codes.add(code);
  if (gives === "value" && effect !== "read") codes.add("conflict");
  if (surfaces.includes("mesh"))
    for (const code of ["not_found", "unsupported", "outcome_unknown"] as const) codes.add(code);
  return (Object.keys(errorCodes) as ErrorCode[]).filter((code) => codes.has(code));
}
