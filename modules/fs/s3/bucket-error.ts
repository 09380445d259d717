/**
 * What storage, or the way to it, says when it cannot: in our words, without an address that was signed, and without where
 * the storage is, which is the owner's to know.
 */
import { OperoneError } from "../../../src/kernel/error.ts";

/** What is asked: "read" of "/a/b". */
export interface Asked {
  readonly what: string;
  readonly path: string;
}

const refusals = new Set([
  "AccessDenied",
  "InvalidAccessKeyId",
  "SignatureDoesNotMatch",
  "ExpiredToken",
  "InvalidToken",
]);
const elsewhere = new Set([
  "PermanentRedirect",
  "TemporaryRedirect",
  "AuthorizationHeaderMalformed",
  "IllegalLocationConstraintException",
]);

/** @param code what S3 names the failure @param status of HTTP, where there was an answer */
export function bucketError({ what, path }: Asked, status: number | undefined, code: string): OperoneError {
  if (status === 404 && code !== "NoSuchBucket")
    return new OperoneError("not_found", `There is nothing at "${path}"`);
  return new OperoneError("unavailable", `Could not ${what} "${path}": ${why(status, code)}`);
}

function why(status: number | undefined, code: string): string {
  const told = named(code, status);
  if (refusals.has(code) || status === 401 || status === 403)
    return `the storage refuses the mount's key (${told}); the owner can look at its secret, and at what it may do in the bucket`;
  if (code === "NoSuchBucket")
    return "the storage has no such bucket; the owner can make it, or mount another";
  if (elsewhere.has(code) || (status !== undefined && status >= 300 && status < 400))
    return `the bucket is elsewhere (${told}); the owner can mount it anew with its own region and endpoint`;
  return `the storage does not answer as it should (${told}); see whether it is there, and try again`;
}

export function tooSlow({ what, path }: Asked, timeoutMs: number): OperoneError {
  return new OperoneError(
    "unavailable",
    `Could not ${what} "${path}": the storage did not answer for ${timeoutMs} ms; try again`,
  );
}

function named(code: string, status: number | undefined): string {
  const word = /^[A-Za-z]{1,60}$/.test(code) ? code : "";
  return (
    [word, status === undefined ? "" : `HTTP ${status}`].filter((part) => part !== "").join(", ") ||
    "no answer"
  );
}
