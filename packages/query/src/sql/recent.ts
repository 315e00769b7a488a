/** What was made of texts lately, the last used at the end, so that the same query is not worked out twice. */
export class RecentTexts {
  readonly #maxCharacters: number;
  readonly #made = new Map<string, string>();
  #characters = 0;

  constructor(maxCharacters: number) {
    this.#maxCharacters = maxCharacters;
  }

  async of(text: string, make: () => Promise<string>): Promise<string> {
    const known = this.#made.get(text);
    const made = known ?? (await make());
    if (known !== undefined) this.#made.delete(text);
    else this.#characters += text.length + made.length;
    this.#made.set(text, made);
    while (this.#characters > this.#maxCharacters) this.#forgetOldest();
    return made;
  }

  #forgetOldest(): void {
    const [text, made] = this.#made.entries().next().value!;
    this.#made.delete(text);
    this.#characters -= text.length + made.length;
  }
}
