/** A JSON value that its field cannot have. The path is put together while the error goes up through the levels. */
export class JsonProblem extends Error {
  readonly #path: string[] = [];

  /** Called from the inside out: the field's name, or an index in brackets. */
  in(step: string): this {
    this.#path.unshift(step);
    return this;
  }

  get path(): string {
    return this.#path.join('.').replaceAll('.[', '[');
  }
}
