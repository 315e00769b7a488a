import { isUtf8 } from 'node:buffer';
import { JsonProblem } from './json-problem.ts';

export const QUOTE = 0x22;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const OPEN_BRACE = 0x7b;
export const CLOSE_BRACE = 0x7d;
export const OPEN_BRACKET = 0x5b;
export const CLOSE_BRACKET = 0x5d;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;

/** Objects and arrays inside each other: more than the decoder takes, and far less than the stack does. */
const MAX_NESTING = 512;

type Word = 'true' | 'false' | 'null';

const WORDS: Readonly<Record<Word, Uint8Array>> = {
  true: bytesOf('true'),
  false: bytesOf('false'),
  null: bytesOf('null'),
};
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/**
 * Reads JSON (RFC 8259) where it lies, one token after the other: no value is made that the reader does not ask for.
 * (`JSON.parse` makes them all, and `{},` is 3 bytes of text but 60 of heap: 63 MiB of it ended the process, also in a
 * thread with a bounded heap, as the parser does not stop at the bound.)
 */
export class JsonText {
  readonly bytes: Buffer;
  /** Where the next token starts, or white space before it. */
  at = 0;
  /** Of the last string, without its quotes, or number. */
  start = 0;
  end = 0;
  /** Whether the last string has any. */
  hasEscapes = false;
  #nesting = 0;

  /** @throws JsonProblem when it is not UTF-8 */
  constructor(text: Uint8Array) {
    if (!isUtf8(text)) throw new JsonProblem('text is not UTF-8', 0);
    this.bytes = Buffer.from(text.buffer, text.byteOffset, text.byteLength);
    if (BYTE_ORDER_MARK.every((byte, i) => text[i] === byte)) this.at = BYTE_ORDER_MARK.length;
  }

  /** The first byte of the next token; -1 at the end of the text. */
  peek(): number {
    const { bytes } = this;
    while (this.at < bytes.length) {
      const byte = bytes[this.at]!;
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte;
      this.at++;
    }
    return -1;
  }

  /** Passes over the byte when it is the next token. */
  accept(byte: number): boolean {
    if (this.peek() !== byte) return false;
    this.at++;
    return true;
  }

  expect(byte: number): void {
    if (!this.accept(byte)) throw this.unexpected();
  }

  /** Enters an object or an array. Each that is entered is left. */
  open(bracket: number): void {
    this.expect(bracket);
    this.#nesting++;
    if (this.#nesting > MAX_NESTING) {
      throw new JsonProblem(`values are nested more than ${MAX_NESTING} levels deep`, this.at - 1);
    }
  }

  /** Between items: false, and the object or array is left, when there is none any more. */
  hasNext(closing: number, isFirst: boolean): boolean {
    if (this.peek() === closing) {
      this.at++;
      this.#nesting--;
      return false;
    }
    if (!isFirst) {
      this.expect(COMMA);
      if (this.peek() === closing) throw this.unexpected();
    }
    return true;
  }

  unexpected(): JsonProblem {
    const byte = this.peek();
    if (byte < 0) return new JsonProblem('text ends too early', this.at);
    return new JsonProblem(`unexpected ${JSON.stringify(this.bytes.toString('utf8', this.at, this.at + 1))}`, this.at);
  }

  /** The next token is not what its field takes; or not JSON at all. */
  wrong(problem: string): JsonProblem {
    const byte = this.peek();
    const startsValue = isDigit(byte) || [QUOTE, MINUS, OPEN_BRACE, OPEN_BRACKET].includes(byte);
    const isWord = Object.values(WORDS).some((word) => this.#isWord(word));
    return startsValue || isWord ? new JsonProblem(problem) : this.unexpected();
  }

  acceptWord(name: Word): boolean {
    const word = WORDS[name];
    if (this.peek() !== word[0] || !this.#isWord(word)) return false;
    this.at += word.length;
    return true;
  }

  #isWord(word: Uint8Array): boolean {
    for (let i = 0; i < word.length; i++) if (this.bytes[this.at + i] !== word[i]) return false;
    return true;
  }

  /** Passes over a string, and leaves where it lies in `start` and `end`. */
  readString(): void {
    this.expect(QUOTE);
    const { bytes } = this;
    this.start = this.at;
    this.hasEscapes = false;
    for (let i = this.at; i < bytes.length; i++) {
      const byte = bytes[i]!;
      if (byte === QUOTE) {
        this.end = i;
        this.at = i + 1;
        return;
      }
      if (byte < 0x20) throw new JsonProblem('a control character in a string', i);
      if (byte !== BACKSLASH) continue;
      this.hasEscapes = true;
      i += this.#escapeLength(i) - 1;
    }
    throw new JsonProblem('a string does not end', this.start - 1);
  }

  #escapeLength(at: number): number {
    const kind = String.fromCharCode(this.bytes[at + 1] ?? 0);
    if ('"\\/bfnrt'.includes(kind)) return 2;
    if (kind === 'u' && /^[0-9a-fA-F]{4}$/.test(this.bytes.toString('latin1', at + 2, at + 6))) return 6;
    throw new JsonProblem('unknown escape in a string', at);
  }

  /** What the last string means; half a surrogate pair becomes U+FFFD. */
  stringValue(): string {
    if (!this.hasEscapes) return this.bytes.toString('utf8', this.start, this.end);
    const quoted = this.bytes.toString('utf8', this.start - 1, this.end + 1);
    return (JSON.parse(quoted) as string).toWellFormed();
  }

  /** Passes over a number, and leaves where it lies in `start` and `end`. */
  readNumber(): void {
    this.peek();
    const { bytes } = this;
    this.start = this.at;
    if (bytes[this.at] === MINUS) this.at++;
    if (bytes[this.at] === ZERO) this.at++;
    else this.#digits();
    if (bytes[this.at] === DOT) {
      this.at++;
      this.#digits();
    }
    if (bytes[this.at] === 0x65 || bytes[this.at] === 0x45) {
      this.at++;
      if (bytes[this.at] === MINUS || bytes[this.at] === 0x2b) this.at++;
      this.#digits();
    }
    this.end = this.at;
  }

  #digits(): void {
    const { bytes } = this;
    const start = this.at;
    while (isDigit(bytes[this.at])) this.at++;
    if (this.at === start) throw this.unexpected();
  }

  /** The characters of the last number. */
  numberText(): string {
    return this.bytes.toString('latin1', this.start, this.end);
  }

  /** Passes over a value that nobody reads. It is checked all the same. */
  skipValue(): void {
    const byte = this.peek();
    if (byte === QUOTE) this.readString();
    else if (byte === OPEN_BRACE) this.#skipItems(OPEN_BRACE, CLOSE_BRACE);
    else if (byte === OPEN_BRACKET) this.#skipItems(OPEN_BRACKET, CLOSE_BRACKET);
    else if (!this.acceptWord('true') && !this.acceptWord('false') && !this.acceptWord('null')) this.readNumber();
  }

  #skipItems(opening: number, closing: number): void {
    this.open(opening);
    for (let isFirst = true; this.hasNext(closing, isFirst); isFirst = false) {
      if (opening === OPEN_BRACE) {
        this.readString();
        this.expect(COLON);
      }
      this.skipValue();
    }
  }
}

export function isNumberStart(byte: number): boolean {
  return byte === MINUS || isDigit(byte);
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= ZERO + 9;
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
