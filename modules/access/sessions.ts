/** Approvals that hold until the node stops: kept in memory, because a restart is meant to end them. */
import type { ApprovalRequest } from "../../src/kernel/ports.ts";

type Asked = Pick<ApprovalRequest, "caller" | "operation" | "requests">;

export class Sessions {
  /** Approved permissions by operation, by caller. */
  readonly #byCaller = new Map<string, Map<string, Set<string>>>();

  add(request: Asked): void {
    const operations = this.#byCaller.get(callerKey(request)) ?? new Map<string, Set<string>>();
    const permissions = operations.get(request.operation) ?? new Set<string>();
    for (const { permission } of request.requests) permissions.add(permission);
    operations.set(request.operation, permissions);
    this.#byCaller.set(callerKey(request), operations);
  }

  /** True when every permission that the call asks for was approved; never for a call that asks for none. */
  covers(request: Asked): boolean {
    const permissions = this.#byCaller.get(callerKey(request))?.get(request.operation);
    if (permissions === undefined || request.requests.length === 0) return false;
    return request.requests.every(({ permission }) => permissions.has(permission));
  }

  remove(request: Asked): void {
    const permissions = this.#byCaller.get(callerKey(request))?.get(request.operation);
    for (const { permission } of request.requests) permissions?.delete(permission);
  }

  /** Drops what a token was approved for. Ids are never used again, so the kind does not matter. */
  forget(tokenId: string): void {
    this.#byCaller.delete(`token ${tokenId}`);
    this.#byCaller.delete(`agent ${tokenId}`);
  }
}

function callerKey({ caller }: Asked): string {
  return `${caller.kind} ${caller.id}`;
}
