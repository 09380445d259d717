/** What a schema refuses, in words for whoever wrote it. */
import type * as v from "valibot";
import { nearest } from "./nearest.ts";

/** A refused value is quoted up to this length. */
const problemLengthMax = 300;

/** A missing and an unknown key say so, with the nearest of the names that there are. */
export function problemOf(issue: v.BaseIssue<unknown>, names: readonly string[]): string {
  const last = issue.path?.at(-1);
  const isKey = issue.type === "strict_object" && last?.origin === "key";
  if (!isKey) return issue.message.slice(0, problemLengthMax);
  if (issue.received === "undefined") return "is missing";
  const near = issue.path?.length === 1 ? nearest(String(last.key), names) : undefined;
  return near === undefined ? "there is no such key" : `there is no such key; did you mean "${near}"?`;
}
