/** Sessions as every surface shows them. */
import * as v from "valibot";
import { byteText } from "../../src/kernel/byte-text.ts";
import { limits } from "./limits.ts";
import {
  endReasons,
  exitEntries,
  hasScriptForShell,
  isGivenOnce,
  isOneNetwork,
  killGraceMs,
  noScriptForShell,
  notGivenOnce,
  notOneNetwork,
  signals,
  startEntries,
  stream,
  tier,
  whole,
} from "./shapes.ts";

const columns = whole(limits.cellsMax, "Width of the terminal in cells.");
const rows = whole(limits.cellsMax, "Height of the terminal in cells.");
/** Cells of a terminal, one way. */
function cells(what: string) {
  return v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(limits.cellsMax), v.description(what));
}
const size = {
  columns: cells("Width of the terminal in cells."),
  rows: cells("Height of the terminal in cells."),
};

const name = v.optional(
  v.pipe(
    v.string(),
    v.maxLength(limits.sessionNameLengthMax),
    v.regex(/^[A-Za-z][A-Za-z0-9._-]*$/, "a name has letters, digits, '.', '_' and '-', and a letter first"),
    v.description("To find it by. Of the running sessions of a caller only one can have it."),
  ),
);

const fields = v.strictObject({
  ...startEntries,
  name,
  terminal: v.optional(
    v.pipe(
      v.boolean(),
      v.description("Give it a terminal: all output is stdout, and keys such as Ctrl-C and Ctrl-Z work."),
    ),
    false,
  ),
  columns,
  rows,
  timeoutMs: whole(limits.timerMsMax, "The session is ended after this time. Absent: it may run for ever."),
  outputBytesMax: whole(
    Number.MAX_SAFE_INTEGER,
    "How much of its output is kept; beyond it the oldest goes. Default and most are configuration.",
  ),
  killGraceMs,
  dryRun: v.optional(
    v.pipe(
      v.boolean(),
      v.description(
        "Only judge it, and tell what would run, in which profile and with which rights. Nothing runs; whether the program is there, only the start shows.",
      ),
    ),
    false,
  ),
});

export const SessionInput = v.pipe(
  fields,
  v.check((input) => isGivenOnce(input), notGivenOnce),
  v.check((input) => hasScriptForShell(input), noScriptForShell),
  v.check((input) => isOneNetwork(input), notOneNetwork),
);
export type SessionInput = v.InferOutput<typeof SessionInput>;

const session = v.pipe(
  v.string(),
  v.nonEmpty(),
  v.maxLength(limits.sessionNameLengthMax),
  v.description(
    "The session's id or name. By a name the running one is meant, else the one that ended last.",
  ),
);
export const SessionRef = v.strictObject({ session });

export const ListInput = v.strictObject({
  running: v.optional(v.pipe(v.boolean(), v.description("Only those that run now.")), false),
});

const cursor = v.optional(
  v.pipe(
    v.number(),
    v.integer(),
    v.minValue(0),
    v.maxValue(Number.MAX_SAFE_INTEGER),
    v.description(
      "Where to begin: the cursor that came with the last item. It counts the bytes of the session's whole output.",
    ),
  ),
);
const tail = v.optional(
  v.pipe(
    v.number(),
    v.integer(),
    v.minValue(0),
    v.maxValue(Number.MAX_SAFE_INTEGER),
    v.description("Begin so many bytes before the end of what there is now. A cursor goes before it."),
  ),
);

export const OutputInput = v.strictObject({
  session,
  cursor,
  tail,
  follow: v.optional(v.pipe(v.boolean(), v.description("Go on until the session ends.")), false),
  waitMs: whole(limits.timerMsMax, "When there is nothing yet, wait so long for something."),
});
export type OutputInput = v.InferOutput<typeof OutputInput>;

export const AttachInput = v.strictObject({ session, cursor, tail });
export type AttachInput = v.InferOutput<typeof AttachInput>;

const text = v.pipe(v.string(), v.maxLength(limits.inputLengthMax));

export const WriteInput = v.strictObject({
  session,
  text: v.optional(v.pipe(text, v.description("Instead of bytes that come with the call."))),
  end: v.optional(
    v.pipe(v.boolean(), v.description("Then end its stdin; at a terminal, type Ctrl-D.")),
    false,
  ),
});
export type WriteInput = v.InferOutput<typeof WriteInput>;

export const SignalInput = v.strictObject({
  session,
  signal: v.optional(v.pipe(v.picklist(signals), v.description("Which signal.")), "SIGTERM"),
});

export const ResizeInput = v.strictObject({
  session,
  ...size,
});

export const WaitInput = v.strictObject({
  session,
  waitMs: whole(limits.timerMsMax, "No longer than this. Absent: until it ends."),
});

export const AttachMessage = v.union([
  v.strictObject({ input: text }),
  v.strictObject({ inputBase64: v.pipe(v.string(), v.base64(), v.maxLength(limits.inputLengthMax)) }),
  v.strictObject({ resize: v.strictObject(size) }),
  v.strictObject({ signal: v.picklist(signals) }),
  v.strictObject({ close: v.literal(true) }),
]);
export type AttachMessage = v.InferOutput<typeof AttachMessage>;

export const sessionEnds = ["removed", "revoked", "stopped"] as const;
export type SessionEnd = (typeof sessionEnds)[number];

/**
 * `removed`, `revoked`: by a caller, or because the credential of its creator ended. `stopped`: the node was stopped.
 * `lost`: the node was killed; when exactly the command ended is not known.
 */
const exit = v.strictObject({
  ...exitEntries,
  /** Absent: it was lost. */
  tier: v.optional(tier),
  reason: v.picklist([...endReasons, ...sessionEnds, "lost"]),
});
export type SessionExit = v.InferOutput<typeof exit>;

const at = v.pipe(v.number(), v.description("The cursor behind it: where to go on."));

/** Text where the bytes are UTF-8 and so come back exactly; base64 for all others. */
export const SessionItem = v.union([
  v.strictObject({ stream, text: byteText, cursor: at }),
  v.strictObject({ stream, base64: byteText, cursor: at }),
  /** So many bytes from the cursor on are not kept any more. */
  v.strictObject({ missing: v.number(), cursor: at }),
  /** There is no more now. */
  v.strictObject({ state: v.literal("running"), cursor: at }),
  v.strictObject({ exit, cursor: at }),
]);
export type SessionItem = v.InferOutput<typeof SessionItem>;

export const SessionView = v.strictObject({
  id: v.string(),
  name: v.optional(v.string()),
  argv: v.array(v.string()),
  profile: v.string(),
  terminal: v.boolean(),
  /** Who started it. */
  creator: v.string(),
  startedAtMs: v.number(),
  state: v.picklist(["running", "ended"]),
  pid: v.optional(v.number()),
  endedAtMs: v.optional(v.number()),
  exit: v.optional(exit),
  /** The cursor behind the output so far. */
  cursor: v.number(),
});
/** Of a start that is only tried. */
export const SessionPlan = v.strictObject({
  argv: v.array(v.string()),
  profile: v.string(),
  terminal: v.boolean(),
  rights: v.pipe(
    v.array(v.strictObject({ permission: v.string(), request: v.unknown() })),
    v.description("What it takes, and the caller has."),
  ),
  started: v.literal(false),
});
export type SessionPlan = v.InferOutput<typeof SessionPlan>;

export type SessionView = v.InferOutput<typeof SessionView>;
