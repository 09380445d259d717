/** What an archive may cost. It comes from anybody, and says of itself what it likes. */
export interface ArchiveLimits {
  /** Files, links and directories together, those that only a path names too. */
  readonly entriesMax: number;
  /** Names and what links say, of the whole archive: what the index keeps in memory. */
  readonly namesBytesMax: number;
  /** Of one path. */
  readonly pathBytesMax: number;
  /** Of one name, as disks take it. */
  readonly nameBytesMax: number;
  /** Of all that is in it, as it says and as it turns out. */
  readonly unpackedBytesMax: number;
  /**
   * Unpacked bytes for each packed one, above `ratioFreeBytes`. Deflate cannot do more than 1032 (zlib's technical
   * details: 258 bytes for two bits), so a zip that says more lies.
   */
  readonly ratioMax: number;
  readonly ratioFreeBytes: number;
  /** To look through it once. */
  readonly timeMsMax: number;
}

export const archiveLimits: ArchiveLimits = {
  entriesMax: 250_000,
  namesBytesMax: 64 * 1024 * 1024,
  pathBytesMax: 4_096,
  nameBytesMax: 255,
  unpackedBytesMax: 1024 ** 4,
  ratioMax: 1_040,
  ratioFreeBytes: 16 * 1024 * 1024,
  timeMsMax: 120_000,
};
