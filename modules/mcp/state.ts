/** What the operations of mcp work on: who is connected. */

export interface Connection {
  readonly agent: string;
  readonly by: "stdio" | "http";
  /** Unix time in milliseconds. */
  readonly sinceMs: number;
}

export class McpState {
  readonly #connections = new Set<Connection>();

  /** Those that are connected for the longest time first. */
  connections(): readonly Connection[] {
    return [...this.#connections];
  }

  count(by: Connection["by"]): number {
    return [...this.#connections].filter((one) => one.by === by).length;
  }

  /** Gives what takes it away again. */
  add(connection: Connection): () => void {
    this.#connections.add(connection);
    return () => void this.#connections.delete(connection);
  }
}
