import { checkObjectKey } from '@openwit/ports';

/** The part of a bucket that a store has for itself: its keys stand below a prefix that its users don't see. */
export class KeyPrefix {
  readonly #prefix: string;

  /** @param prefix a key, or `''` for the whole bucket */
  constructor(prefix: string) {
    if (prefix !== '') checkObjectKey(prefix);
    this.#prefix = prefix === '' ? '' : `${prefix}/`;
  }

  /** The key in the bucket. @throws invalid / INVALID_OBJECT_KEY */
  full(key: string): string {
    checkObjectKey(key);
    const full = this.#prefix + key;
    if (this.#prefix !== '') checkObjectKey(full);
    return full;
  }

  /** What the keys of a list begin with in the bucket. */
  fullPrefix(prefix: string): string {
    return this.#prefix + prefix;
  }

  /** The key as the store's users have it. */
  own(full: string): string {
    return full.slice(this.#prefix.length);
  }

  /** `s3://bucket` with the prefix, without a slash at the end. */
  url(bucketUrl: string): string {
    return `${bucketUrl}/${this.#prefix}`.slice(0, -1);
  }
}
