/** The audit: read, prove, take away. */
import * as v from "valibot";
import { momentMs } from "../../src/kernel/duration.ts";
import { operationsOf } from "../../src/kernel/operation.ts";
import type { AuditFilter } from "./audit-store.ts";
import { limits } from "./limits.ts";
import { renderAudit } from "./render.ts";
import { type AuditHead, AuditOut, auditKinds } from "./shapes.ts";
import type { AccessState } from "./state.ts";

const op = operationsOf<AccessState>("access");
const needs = ["access.admin"];

const Text = v.pipe(v.string(), v.nonEmpty(), v.maxLength(limits.auditTextLengthMax));
const moments = {
  since: v.optional(v.pipe(Text, v.description("A moment (ISO 8601), or a span before now: 2h"))),
  until: v.optional(v.pipe(Text, v.description("A moment (ISO 8601), or a span before now: 2h"))),
};

function filterOf(
  input: { readonly since?: string | undefined; readonly until?: string | undefined },
  nowMs: number,
) {
  const { since, until } = input;
  return {
    sinceMs: since === undefined ? undefined : momentMs(since, nowMs),
    untilMs: until === undefined ? undefined : momentMs(until, nowMs),
  } satisfies AuditFilter;
}

const auditList = op({
  name: "audit-list",
  summary: "List what was done and refused, newest first",
  effect: "read",
  needs,
  surfaces: ["http", "cli", "mesh"],
  gives: "items",
  input: v.strictObject({
    ...moments,
    caller: v.optional(v.pipe(Text, v.description("A caller's id or name"))),
    operation: v.optional(v.pipe(Text, v.description("For example shell.run"))),
    code: v.optional(v.pipe(Text, v.description("ok, pending, or an error code"))),
    kind: v.optional(
      v.pipe(
        v.picklist(auditKinds),
        v.description(
          "intent: about to run. outcome: it ran. denial: it was refused. checkpoint: older records were removed",
        ),
      ),
    ),
    callId: v.optional(v.pipe(Text, v.description("One call"))),
    limit: v.optional(
      v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(10_000), v.description("Newest records")),
      100,
    ),
  }),
  output: AuditOut,
  cli: { alias: ["audit"], render: renderAudit },
  examples: [{ input: { limit: 5 } }],
  async *run(access, { since, until, limit, ...filter }, { signal }) {
    const { audit, clock } = await access;
    yield* audit.list({ ...filter, ...filterOf({ since, until }, clock.nowMs()) }, limit, signal);
  },
});

const auditVerify = op({
  name: "audit-verify",
  summary: "Prove that no audit record was changed or removed",
  description:
    "Recomputes the hash chain and names the first record that does not fit. A cut tail leaves a whole chain behind: keep the head that this gives, and give it again later to see that it is still there.",
  effect: "read",
  needs,
  surfaces: ["http", "cli", "mesh"],
  input: v.strictObject({
    head: v.optional(
      v.pipe(
        v.string(),
        v.regex(/^(0|[1-9][0-9]{0,15}):[0-9a-f]{64}$/, "write it as audit-verify gave it: sequence:hash"),
        v.description("An earlier head, as sequence:hash"),
      ),
    ),
  }),
  output: v.strictObject({
    ok: v.boolean(),
    /** Records whose place in the chain was proven. */
    records: v.number(),
    /** The oldest record that is left. */
    from: v.number(),
    /** Keep it, and compare later: `sequence:hash`. */
    head: v.string(),
    broken: v.optional(v.strictObject({ seq: v.number(), reason: v.string() })),
    givenHead: v.optional(v.picklist(["present", "missing", "different", "pruned"])),
  }),
  deadlineMs: 600_000,
  cli: {
    alias: ["audit verify"],
    render: ({ ok, records, head, broken, givenHead }) => ({
      stdout: [
        ok ? `The chain of ${records} records is whole.` : "The audit was changed.",
        ...(broken === undefined ? [] : [`First broken: ${broken.reason}.`]),
        ...(givenHead === undefined ? [] : [`The head that you gave is ${givenHead}.`]),
        `Head: ${head}\n`,
      ].join("\n"),
    }),
    exit: ({ ok }) => (ok ? 0 : 1),
  },
  examples: [{ input: {}, output: { ok: true } }],
  async run(access, { head }, { signal, progress }) {
    const { audit } = await access;
    const done = (count: number) => progress({ done: count, unit: "records" });
    const { head: now, ...rest } = await audit.verify(
      head === undefined ? undefined : headOf(head),
      signal,
      done,
    );
    return { ...rest, head: `${now.seq}:${now.hash}` };
  },
});

function headOf(text: string): v.InferOutput<typeof AuditHead> {
  const [seq = "", hash = ""] = text.split(":");
  return { seq: Number(seq), hash };
}

const auditExport = op({
  name: "audit-export",
  summary: "Take the audit away as NDJSON, oldest first, with its hashes",
  effect: "read",
  needs,
  gives: "bytes",
  input: v.strictObject(moments),
  cli: { alias: ["audit export"] },
  async run(access, input, { signal }) {
    const { audit, clock } = await access;
    const filter = filterOf(input, clock.nowMs());
    return {
      mediaType: "application/x-ndjson",
      fileName: "operone-audit.ndjson",
      open: () => audit.export(filter, signal),
    };
  },
});

export const auditOperations = [auditList, auditVerify, auditExport];
