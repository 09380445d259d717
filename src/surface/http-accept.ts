/** Which media type a client would rather have (RFC 9110, 12.5.1). */
import { parseAccept } from "hono/utils/accept";

/**
 * The offer with the highest weight, the earlier one of equals. When none is acceptable it is the first: a client
 * that names only other types is better served with an answer than with a refusal after the work is done.
 */
export function preferred<T extends string>(accept: string | null, offers: readonly [T, ...T[]]): T {
  const [first] = offers;
  if (accept === null || accept === "*/*") return first;
  const wishes = parseAccept(accept).map(({ type, q }) => ({ type: type.toLowerCase(), q }));
  let best: T = first;
  let bestWeight = 0;
  for (const offer of offers) {
    const weight = weightOf(offer, wishes);
    if (weight <= bestWeight) continue;
    best = offer;
    bestWeight = weight;
  }
  return best;
}

/** The most specific wish counts: `text/*;q=0, text/html` wants HTML. */
function weightOf(offer: string, wishes: readonly { readonly type: string; readonly q: number }[]): number {
  const family = `${offer.slice(0, offer.indexOf("/"))}/*`;
  for (const type of [offer, family, "*/*"]) {
    const wish = wishes.find((one) => one.type === type);
    if (wish !== undefined) return wish.q;
  }
  return 0;
}
