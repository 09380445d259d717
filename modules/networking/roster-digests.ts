/** Short forms of a roster, by which two nodes find out what the other lacks. */
import { createHash } from "node:crypto";
import type { RosterIndex } from "./roster-index.ts";

export interface IssuerSummary {
  readonly issuer: string;
  /** The highest that is known. */
  readonly sequence: number;
  /** SHA-256 over the hashes of all entries of the issuer, in the order of `RosterIndex.issued`; hex. */
  readonly digest: string;
}

export class RosterDigests {
  readonly #index: Omit<RosterIndex, "add">;
  /** An issuer's entries only become more, so their number tells whether a digest is still right. */
  readonly #known = new Map<string, { readonly count: number; readonly digest: string }>();

  constructor(index: Omit<RosterIndex, "add">) {
    this.#index = index;
  }

  *summaries(): Generator<IssuerSummary> {
    for (const issuer of this.#index.issuers()) yield this.summary(issuer);
  }

  summary(issuer: string): IssuerSummary {
    const sequence = this.#index.highest(issuer);
    const count = this.#index.countOf(issuer);
    const known = this.#known.get(issuer);
    if (known?.count === count) return { issuer, sequence, digest: known.digest };
    const digest = this.digestTo(issuer, sequence);
    this.#known.set(issuer, { count, digest });
    return { issuer, sequence, digest };
  }

  /** Of the issuer's entries up to that sequence. */
  digestTo(issuer: string, sequence: number): string {
    const hash = createHash("sha256");
    for (const entry of this.#index.issued(issuer, 1, sequence)) hash.update(entry.hash);
    return hash.digest("hex");
  }
}
