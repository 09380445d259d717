/**
 * Requests to one bucket. Bun's client lists and uploads in parts. Where it has no word for what is needed (a condition, a
 * range, a signal that ends the request, a key with a slash at its end), `fetch` sends it to an address that is signed.
 *
 * Every request has a deadline, counted anew whenever bytes move. None follows a redirect with what was signed.
 */

import { OperoneError } from "../../../src/kernel/error.ts";
import type { Clock } from "../../../src/kernel/ports.ts";
import { type Asked, bucketError, tooSlow } from "./bucket-error.ts";
import { type Signer, signedAddress } from "./signed-address.ts";

export interface BucketOptions extends Signer {
  readonly clock: Clock;
  readonly timeoutMs?: number;
}

export interface StoredObject {
  readonly key: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly etag: string;
}

export interface Page {
  readonly objects: readonly StoredObject[];
  /** What keys begin with up to the delimiter, with it. */
  readonly prefixes: readonly string[];
  readonly next?: string;
}

/** What must hold of the object that is written; not every storage looks. */
export type Condition = { readonly absent: true } | { readonly etag: string };

interface Timer {
  pause(): void;
  restart(): void;
}

/** Each of an upload, the smallest that S3 takes being 5 MiB. At most 10,000 of them: files up to 80 GiB. */
export const partBytes = 8 * 1024 * 1024;
const pageMax = 1_000;
const urlSecondsMax = 300;
const errorBytesMax = 16 * 1024;

export class Bucket {
  readonly #options: BucketOptions;
  readonly #client: Bun.S3Client;
  readonly #timeoutMs: number;

  constructor(options: BucketOptions) {
    const { endpoint, bucket, region, accessKeyId, secretAccessKey, sessionToken } = options;
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? 30_000;
    this.#client = new Bun.S3Client({
      ...{ endpoint, bucket, region, accessKeyId, secretAccessKey },
      ...(sessionToken === undefined ? {} : { sessionToken }),
    });
  }

  /** Undefined when there is none. */
  async head(key: string, path: string): Promise<StoredObject | undefined> {
    const asked = { what: "look at", path };
    const response = await this.#fetched(asked, key, "HEAD", {});
    await response.body?.cancel();
    if (response.status === 404) return undefined;
    if (!response.ok) throw bucketError(asked, response.status, "");
    return objectOf(key, response.headers);
  }

  async list(
    prefix: string,
    path: string,
    options: { readonly deep?: boolean; readonly after?: string; readonly max?: number } = {},
  ): Promise<Page> {
    const asked = { what: "list", path };
    const found = await this.#own(asked, () =>
      this.#client.list({
        ...{ prefix, maxKeys: options.max ?? pageMax, encodingType: "url" },
        ...(options.deep === true ? {} : { delimiter: "/" }),
        ...(options.after === undefined ? {} : { continuationToken: options.after }),
      }),
    );
    const objects = (found.contents ?? []).map(({ key, size, lastModified, eTag }) => ({
      key: decoded(key, found.encodingType),
      sizeBytes: size ?? 0,
      modifiedMs: lastModified === undefined ? 0 : Date.parse(lastModified),
      etag: bare(eTag ?? ""),
    }));
    const prefixes = (found.commonPrefixes ?? []).map((one) => decoded(one.prefix, found.encodingType));
    const next = found.isTruncated === true ? found.nextContinuationToken : undefined;
    return { objects, prefixes, ...(next === undefined ? {} : { next }) };
  }

  /**
   * The bytes of the object as it was when it had that etag.
   *
   * @throws OperoneError `conflict` when it has another now
   */
  async *read(
    object: StoredObject,
    path: string,
    signal: AbortSignal,
    start: number,
    end: number,
  ): AsyncGenerator<Uint8Array, void> {
    if (start >= end) return;
    const asked = { what: "read", path };
    const headers = { range: `bytes=${start}-${end - 1}`, "if-match": `"${object.etag}"` };
    const response = await this.#fetched(asked, object.key, "GET", { headers, signal });
    try {
      if (response.status === 404 || response.status === 412) throw changed(path);
      if (!response.ok) throw await this.#refused(asked, response);
      // Storage that looks at no condition gives its etag all the same.
      if (bare(response.headers.get("etag") ?? object.etag) !== object.etag) throw changed(path);
      yield* this.#body(asked, response, response.status === 206 ? end - start : object.sizeBytes, signal);
    } finally {
      await response.body?.cancel().catch(() => {});
    }
  }

  /** In one request, so that storage can look at the condition. @throws OperoneError `precondition_failed` */
  async put(key: string, path: string, bytes: Uint8Array<ArrayBuffer>, condition?: Condition): Promise<void> {
    const asked = { what: "write", path };
    const headers =
      condition === undefined
        ? {}
        : "etag" in condition
          ? { "if-match": `"${condition.etag}"` }
          : { "if-none-match": "*" };
    const response = await this.#fetched(asked, key, "PUT", { headers, body: bytes });
    if (response.status === 501 && condition !== undefined) {
      await response.body?.cancel();
      return await this.put(key, path, bytes);
    }
    if (response.status === 412 || (response.status === 409 && condition !== undefined)) {
      await response.body?.cancel();
      throw new OperoneError(
        "precondition_failed",
        `"${path}" was written by somebody else meanwhile; read it again, then write`,
      );
    }
    if (!response.ok) throw await this.#refused(asked, response);
    await response.body?.cancel();
  }

  /** In parts, which nobody sees before the last. When the content fails, they are taken back. */
  async upload(key: string, path: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    const asked = { what: "write", path };
    let failure: unknown;
    const watched = async function* (timer: Timer) {
      try {
        // While the caller has nothing to give, storage is not what is slow.
        timer.pause();
        for await (const chunk of content) {
          timer.restart();
          yield chunk;
          timer.pause();
        }
        timer.restart();
      } catch (error) {
        failure = error;
        throw error;
      }
    };
    try {
      await this.#own(asked, (timer) =>
        this.#client.write(key, new Response(streamOf(watched(timer))), {
          partSize: partBytes,
          queueSize: 2,
          retry: 2,
        }),
      );
    } catch (error) {
      throw failure ?? error;
    }
  }

  async remove(key: string, path: string): Promise<void> {
    const asked = { what: "remove", path };
    const response = await this.#fetched(asked, key, "DELETE", {});
    if (!response.ok && response.status !== 404) throw await this.#refused(asked, response);
    await response.body?.cancel();
  }

  async #fetched(
    asked: Asked,
    key: string,
    method: "GET" | "HEAD" | "PUT" | "DELETE",
    {
      headers = {},
      body,
      signal,
    }: {
      readonly headers?: Record<string, string>;
      readonly body?: Uint8Array<ArrayBuffer>;
      readonly signal?: AbortSignal;
    },
  ): Promise<Response> {
    const { clock } = this.#options;
    const address = signedAddress(this.#options, method, key, clock.nowMs(), urlSecondsMax);
    const late = new AbortController();
    const cancel = clock.after(this.#timeoutMs, () => late.abort(tooSlow(asked, this.#timeoutMs)));
    const stops = [late.signal, ...(signal === undefined ? [] : [signal])];
    try {
      return await fetch(address, {
        ...{ method, headers, redirect: "manual", signal: AbortSignal.any(stops) },
        ...(body === undefined ? {} : { body }),
      });
    } catch (error) {
      for (const stop of stops) stop.throwIfAborted();
      // Its own text quotes the address, which is as good as the key for a while.
      throw bucketError(asked, undefined, codeOf(error));
    } finally {
      cancel();
    }
  }

  async *#body(
    asked: Asked,
    response: Response,
    sizeBytes: number,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, void> {
    const reader = response.body?.getReader();
    let missing = sizeBytes;
    try {
      while (missing > 0 && reader !== undefined) {
        const { done, value } = await this.#own(asked, () => reader.read()).catch((error: unknown) => {
          signal.throwIfAborted();
          throw error;
        });
        signal.throwIfAborted();
        if (done) break;
        missing -= value.length;
        yield value;
      }
    } finally {
      await reader?.cancel().catch(() => {});
    }
    if (missing !== 0) throw bucketError(asked, response.status, "IncompleteBody");
  }

  /** For what takes no signal: after the deadline nobody waits any more. */
  async #own<T>(asked: Asked, work: (timer: Timer) => Promise<T>): Promise<T> {
    const { clock } = this.#options;
    const late = Promise.withResolvers<never>();
    let cancel = () => {};
    const timer: Timer = {
      pause: () => cancel(),
      restart: () => {
        cancel();
        cancel = clock.after(this.#timeoutMs, () => late.reject(tooSlow(asked, this.#timeoutMs)));
      },
    };
    timer.restart();
    try {
      return await Promise.race([work(timer), late.promise]);
    } catch (error) {
      if (error instanceof OperoneError) throw error;
      throw bucketError(asked, undefined, codeOf(error));
    } finally {
      cancel();
    }
  }

  async #refused(asked: Asked, response: Response): Promise<OperoneError> {
    const text = await this.#own(asked, () => response.text()).catch(() => "");
    const code = /<Code>([A-Za-z]+)<\/Code>/.exec(text.slice(0, errorBytesMax))?.[1] ?? "";
    return bucketError(asked, response.status, code);
  }
}

export function changed(path: string): OperoneError {
  return new OperoneError("conflict", `"${path}" was changed while it was read; read it again`);
}

function objectOf(key: string, headers: Headers): StoredObject {
  return {
    key,
    sizeBytes: Number(headers.get("content-length") ?? 0),
    modifiedMs: Date.parse(headers.get("last-modified") ?? "") || 0,
    etag: bare(headers.get("etag") ?? ""),
  };
}

/** XML has no word for some characters, so keys are asked for as addresses have them; not every storage hears it. */
function decoded(key: string, encodingType: string | undefined): string {
  return encodingType === "url" ? decodeURIComponent(key.replaceAll("+", "%20")) : key;
}

/** `W/"abc"` -> `abc` */
function bare(etag: string): string {
  return etag.replace(/^W\//, "").replaceAll('"', "");
}

function streamOf(content: AsyncGenerator<Uint8Array, void>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const next = await content.next();
        if (next.done === true) controller.close();
        else controller.enqueue(next.value);
      } catch (error) {
        controller.error(error);
      }
    },
    async cancel() {
      await content.return();
    },
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
