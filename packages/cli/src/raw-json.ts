/** A JSON value as its text, which `JSON.stringify` writes as it is; of ES2026, whose types are not there yet. */
export interface RawJson {
  readonly rawJSON: string;
}

interface JsonWithSource {
  rawJSON(text: string): RawJson;
  isRawJSON(value: unknown): value is RawJson;
}

const json = JSON as JSON & JsonWithSource;

export function rawJSON(text: string): RawJson {
  return json.rawJSON(text);
}

export function isRawJSON(value: unknown): value is RawJson {
  return json.isRawJSON(value);
}
