/** The ways to confine a command, best first. */
import type { ControlGroups } from "../../src/platform/control-groups.ts";
import type { System } from "./sandbox-system.ts";

export const tierNames = ["namespaces", "bubblewrap", "lock"] as const;
export type TierName = (typeof tierNames)[number];

/** What a person reads of it in the diagnosis. */
export const tierTexts: Readonly<Record<TierName, string>> = {
  namespaces: "namespaces, Landlock and seccomp",
  bubblewrap: "bubblewrap, with Landlock and seccomp inside",
  lock: "Landlock and seccomp alone, which is degraded: see SECURITY.md for what that does not hold",
};

export interface Fault {
  readonly why: string;
  readonly fix: string;
}

export interface ReadyTier {
  readonly ready: true;
  readonly name: TierName;
  readonly launcher: string;
  /** The program of that name, where it is the tier. */
  readonly bubblewrap?: string;
  readonly system: System;
  /** Undefined: memory is limited for each process alone. */
  readonly groups: ControlGroups | undefined;
  /** Why the better ones are not. */
  readonly better: readonly (Fault & { readonly name: TierName })[];
}

export type Tier = ReadyTier | ({ readonly ready: false } & Fault);
