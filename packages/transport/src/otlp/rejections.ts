/** Records of one request that break a rule of the specification. Each is left out alone (OTLP's partial success). */
export class Rejections {
  /** Records read so far, whole or not: the index of the record that is being read. */
  #index = 0;
  #count = 0;
  #message = '';
  #isRejected = false;

  start(): void {
    this.#index = 0;
    this.#count = 0;
    this.#message = '';
    this.#isRejected = false;
  }

  /** The record that is being read breaks a rule. The first reason of the request is kept. */
  reject(recordName: string, field: string, problem: string): void {
    this.#isRejected = true;
    if (this.#message === '') this.#message = `${recordName} ${this.#index} was rejected: ${field} ${problem}`;
  }

  /** Ends a record. True when it must be left out. */
  endRecord(): boolean {
    const isRejected = this.#isRejected;
    this.#index++;
    if (isRejected) this.#count++;
    this.#isRejected = false;
    return isRejected;
  }

  get count(): number {
    return this.#count;
  }

  get message(): string {
    return this.#message;
  }
}
