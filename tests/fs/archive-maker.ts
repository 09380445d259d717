/** Archives as the programs of a Linux system make them. */
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ArchiveBackend } from "../../modules/fs/archive/archive-backend.ts";
import type { ArchiveFormat } from "../../modules/fs/archive/archive-index.ts";
import { type ArchiveLimits, archiveLimits } from "../../modules/fs/archive/archive-limits.ts";
import { LocalBackend } from "../../modules/fs/local/local-backend.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { all } from "./backend-probe.ts";
import type { Content } from "./reading-suite.ts";

export const formats: readonly ArchiveFormat[] = ["zip", "tar", "tar.gz", "tar.zst"];

export class Workshop implements Disposable {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), "operone-archive-")));

  constructor() {
    mkdirSync(join(this.folder, "in"));
  }

  /** Of what is packed. */
  path(name: string): string {
    return join(this.folder, "in", name);
  }

  put(content: Content): void {
    for (const [path, bytes] of content) {
      if (bytes === undefined) mkdirSync(this.path(path), { recursive: true });
      else writeFileSync(this.path(path), bytes);
    }
  }

  async run(...command: readonly string[]): Promise<void> {
    const child = Bun.spawn([...command], { cwd: join(this.folder, "in"), stdout: "pipe", stderr: "pipe" });
    const [said, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
    if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${said}`);
  }

  /** What was put, packed. @returns its path */
  async pack(format: ArchiveFormat, ...options: readonly string[]): Promise<string> {
    const path = join(this.folder, `packed.${format}`);
    rmSync(path, { force: true });
    if (format === "zip") await this.run("zip", "-q", "-r", "-y", ...options, path, ".");
    else {
      const how = format === "tar.gz" ? ["-z"] : format === "tar.zst" ? ["--zstd"] : [];
      await this.run("tar", ...how, ...options, "-cf", path, ".");
    }
    return path;
  }

  /** @returns the path of an archive that is made of these bytes */
  file(bytes: Uint8Array): string {
    const path = join(this.folder, "made");
    writeFileSync(path, bytes);
    return path;
  }

  bytes(path: string): Buffer {
    return readFileSync(path);
  }

  open(path: string, limits: Partial<ArchiveLimits> = {}): ArchiveBackend {
    const random = systemRandom();
    const below = new LocalBackend({
      ...{ root: "", refused: [], writable: true, tag: "archive" },
      random: (count) => random.bytes(count),
    });
    return new ArchiveBackend({
      ...{ below, access: all, path, shown: "/@it", clock: systemClock() },
      limits: { ...archiveLimits, ...limits },
    });
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** One entry of a tar, by hand: what no program would write. */
export function tarEntry(
  name: string | Uint8Array,
  {
    type = "0",
    body = "",
    link = "",
    sizeBytes,
  }: {
    readonly type?: string;
    readonly body?: string | Uint8Array;
    readonly link?: string;
    readonly sizeBytes?: number;
  } = {},
): Buffer {
  const bytes = Buffer.from(body);
  const block = Buffer.alloc(512);
  block.set(Buffer.from(name).subarray(0, 100), 0);
  block.write("0000644\0", 100);
  block.write(`${(sizeBytes ?? bytes.length).toString(8).padStart(11, "0")}\0`, 124);
  block.write("00000000000\0        ", 136);
  block.write(type, 156);
  block.write(link, 157);
  block.write("ustar\x0000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return Buffer.concat([block, bytes, Buffer.alloc(-bytes.length & 511)]);
}

export const tarEnd = Buffer.alloc(1_024);
