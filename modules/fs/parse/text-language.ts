/** The language that a text is written in. */
import { detect } from "tinyld/light";

const sampleLength = 4_000;
/** Of less it cannot be told. */
const lettersMin = 40;

/** ISO 639-1; undefined when it cannot be told. */
export function textLanguage(text: string): string | undefined {
  const sample = text.slice(0, sampleLength);
  if ((sample.match(/\p{L}/gu)?.length ?? 0) < lettersMin) return undefined;
  const found = detect(sample);
  return found === "" ? undefined : found;
}
