/**
 * JSON that is none, with the offset where it ends to be, or a value that its field cannot have. The path is put together
 * while the error goes up through the levels.
 */
export class JsonProblem extends Error {
  readonly offset: number | undefined;
  readonly #path: string[] = [];

  constructor(problem: string, offset?: number) {
    super(problem);
    this.offset = offset;
  }

  /** Called from the inside out: the field's name, or an index in brackets. */
  in(step: string): this {
    this.#path.unshift(step);
    return this;
  }

  get path(): string {
    return this.#path.join('.').replaceAll('.[', '[');
  }
}
