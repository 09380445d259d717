/**
 * What is mounted, as the tree sees it: it speaks of paths as callers write them (`/@name/a`), so that no message tells
 * where a mount really lies, and it takes nothing in when it was mounted to be read alone.
 */
import { OperoneError } from "../../src/kernel/error.ts";
import type {
  Access,
  AppendOptions,
  Backend,
  Entry,
  Named,
  OpenFile,
  Traits,
  WriteOptions,
} from "./backend.ts";

interface MountedOptions {
  readonly name: string;
  readonly readOnly: boolean;
  /** Before each use. @throws OperoneError `unavailable` */
  assertThere?(): Promise<void>;
  /** Keeps here what is read of a file far away. */
  kept?(file: OpenFile): Promise<OpenFile>;
}

export class MountedBackend implements Backend {
  readonly #inner: Backend;
  readonly #options: MountedOptions;
  readonly kind: Backend["kind"];
  readonly hostPath?: NonNullable<Backend["hostPath"]>;
  readonly gives?: NonNullable<Backend["gives"]>;
  readonly givesFilesIn?: NonNullable<Backend["givesFilesIn"]>;
  readonly ownKeys?: NonNullable<Backend["ownKeys"]>;
  readonly rehearse?: NonNullable<Backend["rehearse"]>;
  readonly watched?: NonNullable<Backend["watched"]>;

  constructor(inner: Backend, options: MountedOptions) {
    this.#inner = inner;
    this.#options = options;
    this.kind = inner.kind;
    if (inner.hostPath !== undefined) this.hostPath = inner.hostPath.bind(inner);
    if (inner.gives !== undefined) this.gives = inner.gives.bind(inner);
    if (inner.givesFilesIn !== undefined) this.givesFilesIn = inner.givesFilesIn.bind(inner);
    if (inner.ownKeys !== undefined) this.ownKeys = inner.ownKeys.bind(inner);
    const rehearse = inner.rehearse?.bind(inner);
    if (rehearse !== undefined)
      this.rehearse = (access, path, kind) => this.#changed(path, () => rehearse(access, path, kind));
    const watched = inner.watched?.bind(inner);
    if (watched !== undefined) this.watched = (access, path) => this.#told(() => watched(access, path));
  }

  async traits(access: Access, path: string): Promise<Traits> {
    const traits = await this.#told(() => this.#inner.traits(access, path));
    return { ...traits, writable: traits.writable && !this.#options.readOnly };
  }

  stat(access: Access, path: string, options?: { readonly follow?: boolean }): Promise<Entry | undefined> {
    return this.#told(() => this.#inner.stat(access, path, options));
  }

  async *list(access: Access, path: string, signal: AbortSignal): AsyncGenerator<readonly Entry[], void> {
    yield* this.#each(this.#inner.list(access, path, signal));
  }

  async *names(access: Access, path: string, signal: AbortSignal): AsyncGenerator<readonly Named[], void> {
    yield* this.#each(this.#inner.names(access, path, signal));
  }

  async open(access: Access, path: string): Promise<OpenFile> {
    const opened = await this.#told(() => this.#inner.open(access, path));
    const file = (await this.#options.kept?.(opened)) ?? opened;
    return {
      entry: file.entry,
      read: (signal, range) => this.#each(file.read(signal, range)),
      [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
    };
  }

  write(
    access: Access,
    path: string,
    content: AsyncIterable<Uint8Array>,
    options: WriteOptions,
  ): Promise<Entry> {
    return this.#filled(path, content, (bytes) => this.#inner.write(access, path, bytes, options));
  }

  append(
    access: Access,
    path: string,
    content: AsyncIterable<Uint8Array>,
    options?: AppendOptions,
  ): Promise<Entry> {
    return this.#filled(path, content, (bytes) => this.#inner.append(access, path, bytes, options));
  }

  makeDirectory(access: Access, path: string, options?: { readonly permissions?: number }): Promise<Entry> {
    return this.#changed(path, () => this.#inner.makeDirectory(access, path, options));
  }

  move(access: Access, from: string, to: string, options: { readonly replace: boolean }): Promise<Entry> {
    return this.#changed(from, () => this.#inner.move(access, from, to, options));
  }

  remove(access: Access, path: string): Promise<void> {
    return this.#changed(path, () => this.#inner.remove(access, path));
  }

  hash(access: Access, path: string, signal: AbortSignal, firstBytes?: number): Promise<string> {
    return this.#told(() => this.#inner.hash(access, path, signal, firstBytes));
  }

  assertWhole(access: Access, path: string): Promise<void> {
    return this.#changed(path, () => this.#inner.assertWhole(access, path));
  }

  takeOut(access: Access, path: string, host: string): Promise<Entry> {
    return this.#changed(path, () => this.#inner.takeOut(access, path, host));
  }

  bringIn(access: Access, host: string, path: string): Promise<Entry> {
    return this.#changed(path, () => this.#inner.bringIn(access, host, path));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]();
  }

  async #changed<T>(path: string, work: () => Promise<T>): Promise<T> {
    const { name, readOnly } = this.#options;
    if (readOnly) {
      throw new OperoneError(
        "unsupported",
        `"${shownIn(name, path)}" is mounted to be read alone; the owner can mount it anew without --read-only`,
      );
    }
    return await this.#told(work);
  }

  /** What goes wrong where the bytes come from is said by that place, in its own paths. */
  async #filled<T>(
    path: string,
    content: AsyncIterable<Uint8Array>,
    work: (content: AsyncIterable<Uint8Array>) => Promise<T>,
  ): Promise<T> {
    const broken: unknown[] = [];
    const watched = async function* () {
      try {
        yield* content;
      } catch (error) {
        broken.push(error);
        throw error;
      }
    };
    try {
      return await this.#changed(path, () => work(watched()));
    } catch (error) {
      throw broken.length > 0 ? broken[0] : error;
    }
  }

  async #told<T>(work: () => Promise<T>): Promise<T> {
    try {
      await this.#options.assertThere?.();
      return await work();
    } catch (error) {
      throw toldIn(this.#options.name, error);
    }
  }

  async *#each<T>(all: AsyncIterable<T>): AsyncGenerator<T, void> {
    try {
      await this.#options.assertThere?.();
      yield* all;
    } catch (error) {
      throw toldIn(this.#options.name, error);
    }
  }
}

export function shownIn(name: string, path: string): string {
  return path === "/" ? `/@${name}` : `/@${name}${path}`;
}

/** Backends quote their own paths, which all begin with a slash. What is shown already stays as it is. */
function toldIn(name: string, error: unknown): unknown {
  if (!(error instanceof OperoneError)) return error;
  const message = error.message.replaceAll(
    /"(\/(?!@)[^"]*)"/g,
    (_, path: string) => `"${shownIn(name, path)}"`,
  );
  if (message === error.message) return error;
  return new OperoneError(error.code, message, error.details, { cause: error.cause ?? error });
}
