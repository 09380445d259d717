/** Which configuration values must not be shown. */
import { isTable } from "./config-shape.ts";

const secretName = /secret|password|passphrase|token|credential|apikey|api-key|privatekey|private-key/i;
/** Names about secrets that hold none: `tokenFile`, `secretBytesMax`. */
const aboutSecret = /(file|path|max|min|ms|bytes|count|name|url)$/i;

/** Whether the key is named like one that holds a secret. */
export function looksSecret(key: string): boolean {
  const name = key.slice(key.lastIndexOf(".") + 1);
  return secretName.test(name) && !aboutSecret.test(name);
}

/** The value as it may be shown. Numbers and booleans are no secrets. */
export function withoutSecrets(key: string, value: unknown): unknown {
  if (value === undefined || value === null || typeof value === "boolean" || typeof value === "number")
    return value;
  if (looksSecret(key)) return "(hidden)";
  if (typeof value === "string") {
    return value.includes("-----BEGIN")
      ? "(hidden)"
      : value.replace(/(:\/\/[^/\s:@]*:)[^/\s@]+@/g, "$1(hidden)@");
  }
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(key, item));
  if (!isTable(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, withoutSecrets(`${key}.${name}`, inner)]),
  );
}
