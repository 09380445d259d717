/** Every kind of mount, sorted. */
import type { MountKind } from "../mount-kind.ts";
import { localKind } from "./local-kind.ts";
import { memoryKind } from "./memory-kind.ts";
import { nodeKind } from "./node-kind.ts";

export const mountKinds: readonly MountKind[] = [localKind, memoryKind, nodeKind];
