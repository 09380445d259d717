/**
 * Addresses that carry their own proof for some minutes (AWS Signature Version 4, in the query). Bun's client can make
 * such too, but cuts the slash off a key's end, which is what tells a directory's own key, and does not write the key's
 * name as the signature wants it when that has a colon or a plus.
 */
import { createHash, createHmac } from "node:crypto";

export interface Signer {
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** @param nowMs Unix time in milliseconds */
export function signedAddress(
  signer: Signer,
  method: string,
  key: string,
  nowMs: number,
  seconds: number,
): string {
  const { origin, host } = new URL(signer.endpoint);
  const time = new Date(nowMs).toISOString().replace(/[-:]|\.\d{3}/g, "");
  const scope = [time.slice(0, 8), signer.region, "s3", "aws4_request"];
  const path = `/${signer.bucket}/${key}`.split("/").map(encoded).join("/");
  const query = [
    ["X-Amz-Algorithm", "AWS4-HMAC-SHA256"],
    ["X-Amz-Credential", `${signer.accessKeyId}/${scope.join("/")}`],
    ["X-Amz-Date", time],
    ["X-Amz-Expires", String(seconds)],
    ...(signer.sessionToken === undefined ? [] : [["X-Amz-Security-Token", signer.sessionToken]]),
    ["X-Amz-SignedHeaders", "host"],
  ]
    .map((pair) => pair.map(encoded).join("="))
    .join("&");
  const request = [method, path, query, `host:${host}`, "", "host", "UNSIGNED-PAYLOAD"].join("\n");
  const digest = createHash("sha256").update(request).digest("hex");
  const derived = scope.reduce(keyed, Buffer.from(`AWS4${signer.secretAccessKey}`));
  const signature = keyed(derived, ["AWS4-HMAC-SHA256", time, scope.join("/"), digest].join("\n"));
  return `${origin}${path}?${query}&X-Amz-Signature=${signature.toString("hex")}`;
}

function keyed(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

/** All but what RFC 3986 leaves free. */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
