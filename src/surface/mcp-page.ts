/** Pages of a list whose order does not change between two requests. */
import { ProtocolError, ProtocolErrorCode } from "@modelcontextprotocol/server";

const pageMax = 200;

/** @throws ProtocolError for a cursor that is none of ours */
export function page<T>(
  all: readonly T[],
  cursor: string | undefined,
): { readonly items: readonly T[]; readonly nextCursor: { nextCursor?: string } } {
  const start = cursor === undefined ? 0 : Number(/^after-(\d{1,9})$/.exec(cursor)?.[1] ?? Number.NaN);
  if (!Number.isInteger(start)) {
    throw new ProtocolError(
      ProtocolErrorCode.InvalidParams,
      `${JSON.stringify(cursor?.slice(0, 100))} is no cursor of this list; leave it out to begin`,
    );
  }
  const end = start + pageMax;
  return { items: all.slice(start, end), nextCursor: end < all.length ? { nextCursor: `after-${end}` } : {} };
}
