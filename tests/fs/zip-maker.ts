/** Zips by hand: what no program would write. */
import { crc32, deflateRawSync } from "node:zlib";

export interface ZipPart {
  readonly name: string;
  readonly body: string | Uint8Array;
  readonly stored?: boolean;
  /** What the directory says instead of the truth. */
  readonly sizeBytes?: number;
  readonly packedBytes?: number;
  readonly crc32?: number;
  readonly method?: number;
  readonly localMethod?: number;
  /** The bytes of another one, by its name. */
  readonly startsWith?: string;
}

/** @param isLarge with the directory's place told as zip64 tells it */
export function zipOf(parts: readonly ZipPart[], isLarge = false): Buffer {
  const files: Buffer[] = [];
  const records: Buffer[] = [];
  const starts = new Map<string, number>();
  let at = 0;
  for (const part of parts) {
    const shared = part.startsWith === undefined ? undefined : starts.get(part.startsWith);
    const start = shared ?? at;
    const body = Buffer.from(part.body);
    const data = part.stored === true ? body : deflateRawSync(body);
    const method = part.method ?? (part.stored === true ? 0 : 8);
    const name = Buffer.from(part.name);
    const facts = {
      name,
      method,
      crc: part.crc32 ?? crc32(body),
      packed: part.packedBytes ?? data.length,
      size: part.sizeBytes ?? body.length,
    };
    records.push(record(facts, start));
    starts.set(part.name, start);
    if (shared !== undefined) continue;
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(part.localMethod ?? method, 8);
    local.writeUInt16LE(name.length, 26);
    files.push(local, name, data);
    at += 30 + name.length + data.length;
  }
  const directory = Buffer.concat(records);
  const end = Buffer.alloc(22);
  const large = isLarge ? zip64End(parts.length, directory.length, at) : Buffer.alloc(0);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(parts.length, 8);
  end.writeUInt16LE(parts.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(isLarge ? 0xffff_ffff : at, 16);
  return Buffer.concat([...files, directory, large, end]);
}

/** The end of a large zip, and behind it what tells where that is. */
function zip64End(entries: number, sizeBytes: number, start: number): Buffer {
  const end = Buffer.alloc(56 + 20);
  end.writeUInt32LE(0x06064b50, 0);
  end.writeBigUInt64LE(44n, 4);
  end.writeBigUInt64LE(BigInt(entries), 24);
  end.writeBigUInt64LE(BigInt(entries), 32);
  end.writeBigUInt64LE(BigInt(sizeBytes), 40);
  end.writeBigUInt64LE(BigInt(start), 48);
  end.writeUInt32LE(0x07064b50, 56);
  end.writeBigUInt64LE(BigInt(start + sizeBytes), 56 + 8);
  end.writeUInt32LE(1, 56 + 16);
  return end;
}

interface RecordFacts {
  readonly name: Buffer;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
}

function record({ name, method, crc, packed, size }: RecordFacts, start: number): Buffer {
  const isLarge = size > 0xffff_fffe;
  const extra = Buffer.alloc(isLarge ? 12 : 0);
  if (isLarge) {
    extra.writeUInt16LE(1, 0);
    extra.writeUInt16LE(8, 2);
    extra.writeBigUInt64LE(BigInt(size), 4);
  }
  const head = Buffer.alloc(46);
  head.writeUInt32LE(0x02014b50, 0);
  head.writeUInt16LE(method, 10);
  head.writeUInt32LE(crc, 16);
  head.writeUInt32LE(packed, 20);
  head.writeUInt32LE(isLarge ? 0xffff_ffff : size, 24);
  head.writeUInt16LE(name.length, 28);
  head.writeUInt16LE(extra.length, 30);
  head.writeUInt32LE(start, 42);
  return Buffer.concat([head, name, extra]);
}
