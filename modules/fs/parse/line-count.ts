/** In which line a position of a text is. */
export class LineCount {
  readonly #text: string;
  #line = 1;
  /** Of the next end of a line: looked for once, or a text of one line would be read for each question. */
  #next: number;

  constructor(text: string) {
    this.#text = text;
    this.#next = this.#endFrom(0);
  }

  /** From 1. Positions are asked for in order. */
  at(position: number): number {
    while (this.#next < position) {
      this.#line += 1;
      this.#next = this.#endFrom(this.#next + 1);
    }
    return this.#line;
  }

  #endFrom(position: number): number {
    const at = this.#text.indexOf("\n", position);
    return at < 0 ? Number.POSITIVE_INFINITY : at;
  }
}
