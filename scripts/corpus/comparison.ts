/** What two readers say of the same documents, field by field. */

/** What was said of one document; a field that a reader does not report is absent. */
export type Fields = Readonly<Record<string, string | undefined>>;

export interface Disagreement {
  readonly file: string;
  readonly field: string;
  readonly expected: string;
  readonly found: string | undefined;
}

export class Comparison {
  readonly #counts = new Map<string, { compared: number; same: number }>();
  readonly disagreements: Disagreement[] = [];

  /** Every field of the yardstick counts. */
  add(file: string, expected: Fields, found: Fields): void {
    for (const [field, value] of Object.entries(expected)) {
      if (value === undefined) continue;
      const count = this.#counts.get(field) ?? { compared: 0, same: 0 };
      this.#counts.set(field, count);
      count.compared += 1;
      if (found[field] === value) count.same += 1;
      else this.disagreements.push({ file, field, expected: value, found: found[field] });
    }
  }

  get compared(): number {
    return [...this.#counts.values()].reduce((sum, { compared }) => sum + compared, 0);
  }

  /** 0 to 1. */
  get share(): number {
    return this.compared === 0 ? 0 : 1 - this.disagreements.length / this.compared;
  }

  /** A line for each disagreement, then one for each field, then the sum. */
  report(): string {
    const line = (name: string, compared: number, same: number) =>
      `${name.padEnd(16)} ${same} of ${compared} (${((100 * same) / compared).toFixed(2)} %)`;
    const { compared, disagreements } = this;
    return [
      ...disagreements.map(
        ({ file, field, expected, found }) =>
          `${file}: ${field} is ${JSON.stringify(expected)}, and was read as ${JSON.stringify(found)}`,
      ),
      ...[...this.#counts].map(([field, count]) => line(field, count.compared, count.same)),
      line("all", compared, compared - disagreements.length),
    ].join("\n");
  }
}
