/** What the operations of mcp work on: who is connected. */

export interface Connection {
  readonly agent: string;
  readonly by: "stdio" | "http";
  /** Unix time in milliseconds. */
  readonly sinceMs: number;
}

export class McpState {
  /** With what agents are told apart by: a name says it only to people. */
  readonly #connections = new Map<Connection, string>();

  /** Those that are connected for the longest time first. */
  connections(): readonly Connection[] {
    return [...this.#connections.keys()];
  }

  /** @param key of one agent; absent: of all */
  count(by: Connection["by"], key?: string): number {
    const all = [...this.#connections];
    return all.filter(([one, of]) => one.by === by && (key === undefined || of === key)).length;
  }

  /** Gives what takes it away again. */
  add(connection: Connection, key: string): () => void {
    this.#connections.set(connection, key);
    return () => void this.#connections.delete(connection);
  }
}
