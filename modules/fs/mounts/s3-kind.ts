/** A bucket of storage that speaks S3, or what in it begins with a prefix. */
import * as v from "valibot";
import type { OpenedKind } from "../mount-kind.ts";

const isPrefix = (text: string) =>
  text.split("/").every((name) => name !== "" && name !== "." && name !== "..") && !text.includes("\0");

const settings = v.strictObject({
  endpoint: v.pipe(
    v.string(),
    v.maxLength(256),
    v.regex(
      /^https?:\/\/([A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9a-f:]+\])(:[0-9]{1,5})?\/?$/,
      'write it as "https://s3.example" or "http://127.0.0.1:9000", with nothing behind it',
    ),
    v.check((text) => URL.canParse(text), "that is no address"),
    v.description(
      'The storage: "https://s3.eu-central-1.amazonaws.com". Without TLS only on a network that you trust.',
    ),
  ),
  bucket: v.pipe(
    v.string(),
    v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$/, "that is no name of a bucket"),
    v.description("The bucket; it must be there."),
  ),
  prefix: v.optional(
    v.pipe(
      v.string(),
      v.maxLength(512),
      v.check(isPrefix, 'write it as "photos/2026", with no slash at its ends'),
      v.description('A folder of the bucket instead of all: "photos/2026".'),
    ),
  ),
  region: v.optional(
    v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,40}$/, "that is no region"), v.description("Of the bucket.")),
    "us-east-1",
  ),
  keyId: v.pipe(
    v.string(),
    v.nonEmpty(),
    v.maxLength(256),
    v.description("The access key's ID, which is not secret."),
  ),
  secret: v.pipe(
    v.string(),
    v.nonEmpty(),
    v.maxLength(128),
    v.description("The name of the stored secret that holds the secret access key."),
  ),
});

export const s3Kind: OpenedKind<v.InferOutput<typeof settings>> = {
  id: "s3",
  summary: "A bucket of storage that speaks S3",
  settings,
  isFar: true,
  async open({ endpoint, bucket, prefix, region, keyId, secret }, { secret: reveal, clock }) {
    const { S3Backend } = await import("../s3/s3-backend.ts");
    return new S3Backend({
      ...{ endpoint: endpoint.replace(/\/$/, ""), bucket, region, clock },
      prefix: prefix === undefined ? "" : `${prefix}/`,
      accessKeyId: keyId,
      secretAccessKey: new TextDecoder().decode(await reveal(secret)).trim(),
    });
  },
};
