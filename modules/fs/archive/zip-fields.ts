/** Little-endian numbers of a zip. What is not there is 0: whoever needs it there looks at the length. */
export class ZipFields {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get length(): number {
    return this.#bytes.length;
  }

  u16(at: number): number {
    return at + 2 <= this.length ? this.#view.getUint16(at, true) : 0;
  }

  u32(at: number): number {
    return at + 4 <= this.length ? this.#view.getUint32(at, true) : 0;
  }

  /** Beyond 2^53 it is no place or size of anything: as large as numbers are exact. */
  u64(at: number): number {
    if (at + 8 > this.length) return 0;
    return Number(this.#view.getBigUint64(at, true));
  }

  /** Of the central directory, with what its extra field says better. */
  record(name: Uint8Array, extra: ZipFields) {
    const [packed, size, start] = [this.u32(20), this.u32(24), this.u32(42)];
    const large = extra.#extra(0x0001);
    let at = 0;
    const wide = (value: number) => {
      if (value !== 0xffffffff || large === undefined) return value;
      at += 8;
      return large.u64(at - 8);
    };
    // In this order, and each only where the old field is full.
    const sizeBytes = wide(size);
    const packedBytes = wide(packed);
    return {
      ...{ name, sizeBytes, packedBytes, start: wide(start) },
      method: this.u16(10),
      crc32: this.u32(16),
      isEncrypted: (this.u16(8) & 0x0001) !== 0,
      modifiedMs: extra.#unixMs() ?? this.#dosMs(),
      mode: this.u16(4) >> 8 === 3 ? this.u32(38) >>> 16 : undefined,
    };
  }

  #extra(id: number): ZipFields | undefined {
    for (let at = 0; at + 4 <= this.length; at += 4 + this.u16(at + 2))
      if (this.u16(at) === id) return new ZipFields(this.#bytes.subarray(at + 4, at + 4 + this.u16(at + 2)));
    return undefined;
  }

  /** The extended timestamp of Info-ZIP. */
  #unixMs(): number | undefined {
    const times = this.#extra(0x5455);
    if (times === undefined || times.length < 5 || ((times.#bytes[0] ?? 0) & 1) === 0) return undefined;
    return times.#view.getInt32(1, true) * 1_000;
  }

  /** It has no zone; taken for UTC, it is the same on every machine. */
  #dosMs(): number {
    const [time, date] = [this.u16(12), this.u16(14)];
    const [year, month, day] = [1980 + (date >> 9), ((date >> 5) & 15) - 1, date & 31];
    return Date.UTC(year, month, day, time >> 11, (time >> 5) & 63, (time & 31) * 2);
  }
}
