/** What is at `/@`: a directory with the mounts in it, to be looked at and walked through. Mounts are made elsewhere. */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Access, Backend, Entry, Named, OpenFile, Traits } from "./backend.ts";
import { joined } from "./file-path.ts";

export interface MountListPorts {
  /** Names and when they were made. */
  all(): Promise<readonly { readonly name: string; readonly createdAtMs: number }[]>;
  backend(name: string): Promise<Backend>;
}

interface Inside {
  readonly backend: Backend;
  readonly name: string;
  readonly access: Access;
  readonly path: string;
}

/** Its own paths are `/`, and `/docs/a` for `/@docs/a`. */
export class MountList implements Backend {
  /** It is held by the node alone. */
  readonly kind = "memory";
  readonly #ports: MountListPorts;

  constructor(ports: MountListPorts) {
    this.#ports = ports;
  }

  async traits(): Promise<Traits> {
    return { writable: false, caseSensitive: true, normalizesUnicode: false, hasModes: false };
  }

  async stat(
    access: Access,
    path: string,
    options?: { readonly follow?: boolean },
  ): Promise<Entry | undefined> {
    access.check(path);
    if (path === "/") return directory("/", 0);
    const all = await this.#ports.all();
    const mount = all.find(({ name }) => `/${name}` === path);
    if (mount !== undefined) return directory(path, mount.createdAtMs);
    const { backend, name, ...inside } = await this.#inside(access, path);
    const entry = await backend.stat(inside.access, inside.path, options);
    return entry === undefined ? undefined : { ...entry, path: outside(name, entry.path) };
  }

  async *list(access: Access, path: string, signal: AbortSignal): AsyncGenerator<readonly Entry[], void> {
    if (path === "/") {
      const all = await this.#ports.all();
      yield all
        .map(({ name, createdAtMs }) => directory(`/${name}`, createdAtMs))
        .filter((entry) => access.allows(entry.path));
      return;
    }
    const { backend, name, ...inside } = await this.#inside(access, path);
    for await (const batch of backend.list(inside.access, inside.path, signal))
      yield batch.map((entry) => ({ ...entry, path: outside(name, entry.path) }));
  }

  async *names(access: Access, path: string, signal: AbortSignal): AsyncGenerator<readonly Named[], void> {
    if (path === "/") {
      const all = await this.#ports.all();
      yield all
        .filter(({ name }) => access.allows(`/${name}`))
        .map(({ name }) => ({ name, kind: "directory" }));
      return;
    }
    const { backend, ...inside } = await this.#inside(access, path);
    yield* backend.names(inside.access, inside.path, signal);
  }

  async open(access: Access, path: string): Promise<OpenFile> {
    const { backend, name, ...inside } = await this.#inside(access, path);
    const file = await backend.open(inside.access, inside.path);
    return { ...file, entry: { ...file.entry, path: outside(name, file.entry.path) } };
  }

  async hash(access: Access, path: string, signal: AbortSignal, firstBytes?: number): Promise<string> {
    const { backend, ...inside } = await this.#inside(access, path);
    return await backend.hash(inside.access, inside.path, signal, firstBytes);
  }

  write = refused;
  append = refused;
  makeDirectory = refused;
  move = refused;
  remove = refused;
  assertWhole = refused;
  takeOut = refused;
  bringIn = refused;

  async [Symbol.asyncDispose](): Promise<void> {}

  async #inside(access: Access, path: string): Promise<Inside> {
    const [, name = "", ...rest] = path.split("/");
    if (name === "") throw new OperoneError("conflict", '"/@" is the list of the mounts, and not a file');
    return {
      backend: await this.#ports.backend(name),
      name,
      path: `/${rest.join("/")}`,
      access: {
        unlimited: access.unlimited,
        allows: (inner) => access.allows(outside(name, inner)),
        check: (inner) => access.check(outside(name, inner)),
      },
    };
  }
}

function outside(name: string, path: string): string {
  return path === "/" ? `/${name}` : joined("/", `${name}${path}`);
}

async function refused(): Promise<never> {
  throw new OperoneError(
    "unsupported",
    '"/@" is the list of the mounts, which only "operone fs mount" and "operone fs unmount" change',
  );
}

function directory(path: string, atMs: number): Entry {
  return { path, kind: "directory", sizeBytes: 0, modifiedMs: atMs, createdMs: atMs };
}
