/** A part of the program that runs in a contained child (modules/shell/contract.ts). */

export interface ChildInput {
  readonly request: unknown;
  /** The bytes that it was given, once. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** Gives its messages as they come: JSON values. What it throws as an OperoneError, the caller gets. */
export type ChildPart = (input: ChildInput) => AsyncIterable<unknown>;
