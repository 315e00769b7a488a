import { type FieldSchema, messageSchema } from '../otlp/schema.ts';
import type { JsonText } from './json-text.ts';

/** A field under one of its two names. */
export interface JsonField {
  readonly name: string;
  readonly nameBytes: Uint8Array;
  readonly number: number;
  readonly type: string;
  readonly isRepeated: boolean;
  readonly isMessage: boolean;
}

/** The fields of a message by the names that they have in JSON: lowerCamelCase, and snake_case too. */
export class JsonFields {
  /** By the length of the name: few are alike in it. */
  readonly #byLength: JsonField[][] = [];

  private constructor(fields: readonly FieldSchema[]) {
    for (const field of fields) {
      for (const name of new Set([camelCase(field.name), field.name])) {
        const isMessage = messageSchema(field.type) !== undefined;
        const sameLength = (this.#byLength[name.length] ??= []);
        sameLength.push({ ...field, name, nameBytes: new TextEncoder().encode(name), isMessage });
      }
    }
  }

  static readonly #known = new Map<string, JsonFields>();

  static of(message: string): JsonFields {
    let fields = JsonFields.#known.get(message);
    if (fields === undefined) {
      fields = new JsonFields(messageSchema(message)!);
      JsonFields.#known.set(message, fields);
    }
    return fields;
  }

  /** The field that the string which was read last names. */
  named(text: JsonText): JsonField | undefined {
    if (text.hasEscapes) {
      const name = text.stringValue();
      return this.#byLength[name.length]?.find((field) => field.name === name);
    }
    const sameLength = this.#byLength[text.end - text.start];
    if (sameLength === undefined) return undefined;
    for (const field of sameLength) if (isAt(text, field.nameBytes)) return field;
    return undefined;
  }
}

function isAt({ bytes, start }: JsonText, name: Uint8Array): boolean {
  for (let i = 0; i < name.length; i++) if (bytes[start + i] !== name[i]) return false;
  return true;
}

function camelCase(name: string): string {
  return name.replace(/_(\w)/g, (_match, letter: string) => letter.toUpperCase());
}
