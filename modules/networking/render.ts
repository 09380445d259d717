/** What a person sees at the terminal. */

import { spanOf } from "../../src/kernel/duration.ts";
import type { CliOutput } from "../../src/kernel/operation.ts";
import { lines, moment, table, visible } from "../../src/kernel/plain-text.ts";
import type { InviteOut, JoinStepOut, NewInviteOut, NodeOut, PendingOut, PingOut } from "./shapes.ts";

/** The code alone goes to stdout, so that a script can take it; everything for people goes to stderr. */
export function renderInvite({ code, invite, cap, recoveryPhrase, qr }: NewInviteOut): CliOutput {
  const phrase =
    recoveryPhrase === undefined
      ? []
      : [
          "A new mesh. Write this recovery phrase down; it is shown only now and kept nowhere. Whoever has it is",
          "admin of the mesh, and without it nobody can mend a mesh that has lost its admins:",
          "",
          ...recoveryPhrase.split(" ").map((word, at) => `${String(at + 1).padStart(4)} ${word}`),
          "",
        ];
  const waits = invite.confirm ? ['It then waits for your "operone confirm": compare the words first.'] : [];
  const text = [
    ...phrase,
    ...(qr ?? []),
    `On the other machine, before ${moment(invite.expiresAtMs)} (one machine, as ${invite.role}):`,
    "",
    `    operone join ${code}`,
    "",
    ...waits,
    `Other nodes may be at most ${cap} on this one; "operone allow ROLE" changes that.`,
  ];
  return { stdout: `${code}\n`, stderr: `${text.join("\n")}\n` };
}

export function renderInvites({ invites }: { readonly invites: readonly InviteOut[] }): CliOutput {
  if (invites.length === 0) return lines('There are no invites; "operone invite" makes one.');
  const rows = invites.map(({ id, role, state, expiresAtMs, usedBy, usedByName, words, failedAttempts }) => [
    id,
    role,
    state,
    moment(expiresAtMs),
    String(failedAttempts),
    usedByName === undefined ? (usedBy ?? "-") : `${usedByName} (${usedBy})`,
    words?.join(" ") ?? "-",
  ]);
  return table([["ID", "ROLE", "STATE", "EXPIRES", "WRONG TRIES", "USED BY", "SAFETY WORDS"], ...rows]);
}

export function renderJoinStep(step: JoinStepOut): CliOutput {
  switch (step.step) {
    case "connecting":
      return { stderr: `Trying ${visible(step.address)}\n` };
    case "connected":
      return { stderr: `Connected to ${visible(step.address)} (${step.encryption})\n` };
    case "words":
      return { stderr: `${wordsLine(step)}\n` };
    case "waiting":
      return { stderr: `${visible(step.reason)}\n` };
    case "retrying":
      return { stderr: `${visible(step.reason)}; again in ${spanOf(step.delayMs)}\n` };
    case "joined":
      return {
        stdout: `Joined the mesh ${step.meshId} as ${step.role}. "operone nodes" lists its nodes.\n`,
        ...(step.warning === undefined ? {} : { stderr: `${visible(step.warning)}\n` }),
      };
  }
}

function wordsLine({
  words,
  changed,
}: {
  readonly words: readonly string[];
  readonly changed?: true | undefined;
}) {
  const shown = words.map(visible).join(" ");
  return changed === true
    ? `The connection broke, so the safety words are new: ${shown}. Compare these with the other machine's`
    : `Safety words: ${shown}. "operone invites" and "operone pending" on the other machine must show the same`;
}

export function renderPending({ pending }: { readonly pending: readonly PendingOut[] }): CliOutput {
  if (pending.length === 0) return lines("No enrolment waits.");
  return lines(
    ...pending.map(({ id, direction, peerId, name, address, role, words, ageMs, reason, active }) => {
      const who = visible(name ?? peerId);
      const what = direction === "in" ? `${who} wants in as ${role}` : `this node asks ${who}`;
      const from = address === undefined ? "" : `, ${visible(address)}`;
      const shown = words.length === 0 ? "" : `\n    words: ${words.map(visible).join(" ")}`;
      return `${id}  ${what} (${peerId}${from}), ${active ? "waits" : "failed"} for ${spanOf(ageMs)}${shown}\n    ${visible(reason)}`;
    }),
  );
}

export function renderNodes({ nodes }: { readonly nodes: readonly NodeOut[] }): CliOutput {
  if (nodes.length === 0)
    return lines('This node is in no mesh; "operone invite" makes one, "operone join CODE" enters one.');
  const rows = nodes.map((node) => [
    node.name ?? "-",
    node.state,
    node.role,
    node.cap ?? "-",
    node.address ?? "-",
    node.direct === true ? "direct" : "-",
    node.roundTripMs === undefined ? "-" : `${node.roundTripMs.toFixed(2)} ms`,
    node.version ?? "-",
    node.self ? "now" : node.lastSeenAtMs === undefined ? "-" : moment(node.lastSeenAtMs),
    node.peerId,
  ]);
  const head = [
    "NAME",
    "STATE",
    "ROLE",
    "AT MOST",
    "ADDRESS",
    "WAY",
    "ROUND TRIP",
    "VERSION",
    "LAST SEEN",
    "ID",
  ];
  const why = nodes.filter(({ reason }) => reason !== undefined);
  const { stdout = "" } = table([head, ...rows]);
  const notes = why.map(
    ({ name, peerId, reason = "" }) => `${visible(name ?? peerId)}: ${visible(reason)}\n`,
  );
  return { stdout: `${String(stdout)}${notes.join("")}` };
}

export function renderPings({ peerId, name, roundTripMs, error }: PingOut): CliOutput {
  const who = visible(name ?? peerId);
  const label = name === undefined ? who : `${who} (${peerId})`;
  if (error !== undefined) return { stderr: `${label}: ${visible(error)}\n` };
  return lines(`${label}  ${roundTripMs?.toFixed(3)} ms`);
}

export function renderEvent(event: {
  readonly atMs: number;
  readonly event: string;
  readonly peerId: string;
  readonly name?: string | undefined;
  readonly role?: string | undefined;
  readonly words?: readonly string[] | undefined;
}): CliOutput {
  const who = event.name === undefined ? event.peerId : `${visible(event.name)} (${event.peerId})`;
  const as = event.role === undefined ? "" : ` as ${event.role}`;
  const words = event.words === undefined ? "" : `, safety words: ${event.words.map(visible).join(" ")}`;
  return lines(`${moment(event.atMs)}  ${event.event}  ${who}${as}${words}`);
}

export function renderMesh(mesh: {
  readonly state: string;
  readonly meshId?: string | undefined;
  readonly name: string;
  readonly peerId?: string | undefined;
  readonly role?: string | undefined;
  readonly cap?: string | undefined;
  readonly addresses: readonly string[];
  readonly members: number;
  readonly connected: number;
}): CliOutput {
  if (mesh.state === "none")
    return lines(`${mesh.name} is in no mesh; "operone invite" makes one, "operone join CODE" enters one.`);
  const removed =
    mesh.state === "removed"
      ? ['  An admin removed this node from the mesh; "operone leave" ends that.']
      : [];
  return lines(
    `${mesh.name} (${mesh.peerId}) is ${mesh.role ?? "no member"} in the mesh ${mesh.meshId}`,
    `  nodes     ${mesh.members}, connected to ${mesh.connected}`,
    `  listens   ${mesh.addresses.join("  ")}`,
    `  others    may be at most ${mesh.cap} here`,
    ...removed,
  );
}
