/** How machines come into the mesh, and go. All of it is the owner's: no token and no agent can let a machine in. */
import * as v from "valibot";
import { spanMs, spanOrNever } from "../../src/kernel/duration.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import { operationsOf } from "../../src/kernel/operation.ts";
import type { ActiveMesh } from "./active-mesh.ts";
import type { PendingEnrolment } from "./pending-enrolments.ts";
import { renderInvite, renderInvites, renderJoinStep, renderPending } from "./render.ts";
import { renderConfirmed, renderLeft, renderRejected } from "./render-members.ts";
import { Answered, InviteOut, JoinStepOut, NewInviteOut, PendingOut, RoleName } from "./shapes.ts";
import type { NetworkingState } from "./state.ts";

const op = operationsOf<NetworkingState>("networking");
const needs = ["access.admin"];
const force = v.optional(
  v.pipe(v.boolean(), v.description("Also when this is the last admin, and others remain without one")),
  false,
);
const Id = v.pipe(v.string(), v.nonEmpty(), v.maxLength(64));

const invite = op({
  name: "invite",
  summary: "Make a one-time code with which another machine joins this mesh",
  description:
    "The first invite makes the mesh, with this node as its first admin, and shows the recovery phrase. The code is shown once.",
  effect: "write",
  needs,
  input: v.strictObject({
    role: v.optional(v.pipe(RoleName, v.description("What the new node may be in the mesh")), "operator"),
    expiresIn: v.optional(
      v.pipe(
        v.string(),
        v.regex(spanOrNever, "write it as 90s, 10m or 2h"),
        v.description("How long the code can be used, up to 24h"),
      ),
      "10m",
    ),
    confirm: v.optional(
      v.pipe(
        v.boolean(),
        v.description("Whoever uses the code waits until you have compared the words and confirmed"),
      ),
      false,
    ),
    qr: v.optional(v.pipe(v.boolean(), v.description("Give the code as a QR code too")), true),
  }),
  output: NewInviteOut,
  errors: ["forbidden", "limited"],
  cli: { alias: ["invite"], positional: [], render: renderInvite },
  async run(state, { role, expiresIn, confirm, qr }, { signal }) {
    const { networking } = await state();
    if (expiresIn === "never")
      throw new OperoneError("invalid_input", "An invite ends after 24h at the latest");
    const made = await networking.invite({ role, expiresInMs: spanMs(expiresIn), confirm }, signal);
    const lines = qr ? { qr: [...(await import("./qr.ts")).qrLines(made.code)] } : {};
    return { ...made, cap: networking.mesh().cap, ...lines };
  },
});

const invites = op({
  name: "invites",
  summary: "List the invites of this node, newest first",
  effect: "read",
  needs,
  input: v.strictObject({}),
  output: v.strictObject({ invites: v.array(InviteOut) }),
  cli: { alias: ["invites"], render: renderInvites },
  examples: [{ input: {}, output: { invites: [] } }],
  async run(state) {
    const { active } = (await state()).networking;
    const invites = active?.invites.list() ?? [];
    return { invites: invites.map((one) => ({ ...one, ...seen(active, one.usedBy) })) };
  },
});

/** Name and words of the node that used an invite. */
function seen(active: ActiveMesh | undefined, peerId: string | undefined) {
  if (active === undefined || peerId === undefined) return {};
  const newcomer = active.enrolments.newcomer(peerId);
  const usedByName = active.ledger.factsOf(peerId)?.name ?? newcomer?.name;
  return {
    ...(usedByName === undefined ? {} : { usedByName }),
    ...(newcomer === undefined ? {} : { words: [...newcomer.words] }),
  };
}

const inviteRevoke = op({
  name: "invite-revoke",
  summary: "Close an invite, so that nobody can use its code any more",
  effect: "write",
  needs,
  input: v.strictObject({ id: v.pipe(Id, v.description("As invites shows it")) }),
  output: InviteOut,
  errors: ["not_found", "conflict"],
  cli: { alias: ["invite revoke"], positional: ["id"] },
  run: async (state, { id }) => ({ ...(await state()).networking.mesh().invites.revoke(id) }),
});

const join = op({
  name: "join",
  summary: "Join the mesh of an invite",
  description:
    "Other nodes may be at most an observer on this node, unless allow says more: being let into a mesh is no right to run anything here.",
  effect: "write",
  needs,
  gives: "items",
  input: v.strictObject({
    code: v.pipe(
      v.string(),
      v.maxLength(4_096),
      v.description("From operone invite on a machine of the mesh"),
    ),
    allow: v.optional(
      v.pipe(RoleName, v.description("What every other node may be on this one at most")),
      "observer",
    ),
  }),
  output: JoinStepOut,
  errors: ["forbidden", "conflict", "unavailable", "limited", "deadline"],
  // The code is a secret until it is used, so an approval must not show it.
  preview: ({ allow }) => ({ code: "(an invite code)", allow }),
  // The program's own "join" asks what others may be here, and then calls this.
  cli: { positional: ["code"], render: renderJoinStep },
  run: async function* (state, { code, allow }, { signal }) {
    const { networking } = await state();
    for await (const step of networking.join(code, allow, signal)) {
      yield step.step === "words" ? { ...step, words: [...step.words] } : step;
    }
  },
});

const pending = op({
  name: "pending",
  summary: "List the enrolments that wait: of others for a yes here, and this node's own",
  effect: "read",
  needs,
  input: v.strictObject({}),
  output: v.strictObject({ pending: v.array(PendingOut) }),
  cli: { alias: ["pending"], render: renderPending },
  examples: [{ input: {}, output: { pending: [] } }],
  async run(state) {
    const { active, joining } = (await state()).networking;
    const all = [...(active?.enrolments.pending() ?? []), ...(joining?.pending() ?? [])];
    return { pending: all.map((one) => ({ ...one, words: [...one.words] })) };
  },
});

const confirm = op({
  name: "confirm",
  summary: "Let a waiting machine into the mesh, after its words are the same as here",
  effect: "write",
  needs,
  input: v.strictObject({ id: v.pipe(Id, v.description("As pending shows it")) }),
  output: Answered,
  errors: ["not_found", "conflict"],
  cli: { alias: ["confirm"], positional: ["id"], render: renderConfirmed },
  run: async (state, { id }) => answered((await state()).networking.mesh().enrolments.confirm(id)),
});

const reject = op({
  name: "reject",
  summary: "Turn a waiting machine away and close its invite, or give up this node's own enrolment",
  effect: "write",
  needs,
  input: v.strictObject({ id: v.pipe(Id, v.description("As pending shows it")) }),
  output: Answered,
  errors: ["not_found"],
  cli: { alias: ["reject"], positional: ["id"], render: renderRejected },
  async run(state, { id }) {
    const { active, joining } = (await state()).networking;
    const own = joining?.pending().some((one) => one.id === id) === true;
    if (own) return answered(joining.reject(id));
    if (active !== undefined) return answered(active.enrolments.reject(id));
    throw new OperoneError("not_found", `No enrolment "${id}" waits; "operone pending" lists them`);
  },
});

function answered({ direction, peerId, name, role, words }: PendingEnrolment): Answered {
  return { direction, peerId, ...(name === undefined ? {} : { name }), role, proven: words.length > 0 };
}

const leave = op({
  name: "leave",
  summary: "Leave the mesh, and forget it and this node's key",
  description:
    "The others keep this node in their roster, as one that is away, until an admin removes it (operone remove).",
  effect: "destroy",
  needs,
  input: v.strictObject({ force }),
  output: v.strictObject({ meshId: v.string(), peerId: v.string() }),
  errors: ["conflict"],
  cli: { alias: ["leave"], positional: [], render: renderLeft },
  run: async (state, { force }) => (await state()).networking.leave(force),
});

export const enrolmentOperations = [invite, invites, inviteRevoke, join, pending, confirm, reject, leave];
