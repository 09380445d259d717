/** What a person sees after a change of who is in the mesh, and as what. */
import type { CliOutput } from "../../src/kernel/operation.ts";
import { lines, visible } from "../../src/kernel/plain-text.ts";
import type { RoleName } from "../access/contract.ts";
import type { Answered } from "./shapes.ts";

interface Someone {
  readonly peerId: string;
  readonly name?: string | undefined;
}

function called({ peerId, name }: Someone): string {
  return name === undefined ? peerId : `${visible(name)} (${peerId})`;
}

export function renderConfirmed(answered: Answered): CliOutput {
  return lines(`${called(answered)} is let in as ${answered.role}.`);
}

export function renderRejected(answered: Answered): CliOutput {
  if (answered.direction === "in")
    return lines(`${called(answered)} is turned away, and its code is closed.`);
  const code = answered.proven
    ? 'Its code is spent: no other machine can use it, and this one only until it expires. "operone invite revoke ID" on the inviting machine closes it.'
    : "Its code was not used.";
  return lines(`This machine asks no more. ${code}`);
}

export function renderLeft({ meshId }: { readonly meshId: string }): CliOutput {
  return lines(
    `This node has left the mesh ${meshId}, and its key is gone. The others see it as away until an admin removes it there.`,
  );
}

export function renderMember(member: Someone & { readonly role?: RoleName | undefined }): CliOutput {
  return lines(
    member.role === undefined
      ? `${called(member)} is removed from the mesh, for good.`
      : `${called(member)} is ${member.role} in the mesh from now on.`,
  );
}

export function renderRecovered({ peerId }: { readonly peerId: string }): CliOutput {
  return lines(`This node (${peerId}) is an admin of its mesh now.`);
}

export function renderRenamed({
  name,
  warning,
}: {
  readonly name: string;
  readonly warning?: string | undefined;
}): CliOutput {
  return {
    stdout: `This node is called ${visible(name)} now.\n`,
    ...(warning === undefined ? {} : { stderr: `${visible(warning)}\n` }),
  };
}

export function renderAllowed({
  role,
  peerId,
  isDefault,
}: {
  readonly role: RoleName;
  readonly peerId?: string | undefined;
  readonly isDefault?: true | undefined;
}): CliOutput {
  const who = peerId === undefined ? "Other nodes" : `The node ${peerId}`;
  const like = isDefault === true ? ", like all that have no limit of their own" : "";
  const warning = role === "admin" ? " An admin of the mesh can now run anything on this machine." : "";
  return lines(`${who} may be at most ${role} on this node${like}.${warning}`);
}
