/**
 * The path of a request's target, in origin-form (`/v1/traces?x`) or absolute-form (`http://host/v1/traces`; RFC 9112,
 * 3.2). Not by `new URL()`, which throws at some of what clients may send.
 */
export function requestPath(target: string): string {
  return target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '').split('?', 1)[0]!;
}
