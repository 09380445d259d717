/** The three verdicts of a check. */
import type { Finding } from "../../src/kernel/ports.ts";

export const ok = (found: string): Finding => ({ verdict: "ok", found });
export const warning = (found: string, fix: string): Finding => ({ verdict: "warning", found, fix });
export const failure = (found: string, fix: string): Finding => ({ verdict: "failure", found, fix });
