import type { WireReader } from './wire.ts';

/** Where the bytes of a field lie in the request. */
export class ByteRange {
  at = 0;
  length = 0;

  clear(): void {
    this.length = 0;
  }

  /** Reads a length-delimited field and passes over its bytes. */
  read(reader: WireReader): void {
    const length = reader.length();
    this.length = length;
    this.at = reader.at;
    reader.at += length;
  }

  /** True for no bytes, and for zeros alone: OTLP's two forms of "no id". */
  isZero(bytes: Uint8Array): boolean {
    const end = this.at + this.length;
    for (let i = this.at; i < end; i++) if (bytes[i] !== 0) return false;
    return true;
  }
}

/** A 64-bit value in halves, as signed 32-bit integers. */
export class Int64 {
  lo = 0;
  hi = 0;

  clear(): void {
    this.lo = 0;
    this.hi = 0;
  }

  readFixed(reader: WireReader): void {
    reader.fixed64();
    this.lo = reader.lo;
    this.hi = reader.hi;
  }

  get isZero(): boolean {
    return (this.lo | this.hi) === 0;
  }

  /** False from 2^63-1 on: as a time in nanoseconds that is past what a TIMESTAMP_NS can say. */
  get isTime(): boolean {
    return this.hi >= 0 && (this.hi !== 0x7fffffff || this.lo !== -1);
  }
}

/** A 64-bit value that may be missing. */
export class OptionalInt64 extends Int64 {
  isSet = false;

  override clear(): void {
    super.clear();
    this.isSet = false;
  }

  override readFixed(reader: WireReader): void {
    super.readFixed(reader);
    this.isSet = true;
  }
}

export const TIME_PROBLEM = 'is not before 2^63-1 nanoseconds';
