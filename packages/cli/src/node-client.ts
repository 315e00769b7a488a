import { OpenWitError } from '@openwit/ports';

/** What `POST /api/v1/sql` answers, as data and as the text that came. */
export interface Answer {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly unknown[])[];
  readonly text: string;
}

/** @throws invalid / QUERY_INVALID with the node's own message; unavailable / STORE_UNAVAILABLE when there is no node */
export async function askNode(url: string, { sql, tenant }: { sql: string; tenant: string }): Promise<Answer> {
  const response = await send(new URL('/api/v1/sql', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-scope-orgid': tenant },
    body: JSON.stringify({ sql }),
  });
  const text = await response.text();
  const body = JSON.parse(text) as Answer & { error?: { message: string } };
  if (!response.ok) throw new OpenWitError('invalid', 'QUERY_INVALID', body.error?.message ?? text);
  return { columns: body.columns, rows: body.rows, text };
}

export async function sendOtlp(
  url: string,
  { signal, tenant, body, type }: { signal: string; tenant: string; body: Uint8Array<ArrayBuffer>; type: string },
): Promise<void> {
  const headers = { 'content-type': type, 'x-scope-orgid': tenant };
  const response = await send(new URL(`/v1/${signal}`, url), { method: 'POST', headers, body });
  const text = await response.text();
  if (response.ok) return;
  throw new OpenWitError(
    'invalid',
    'MALFORMED_OTLP',
    `node refused the request, status=${response.status} answer=${text}`,
  );
}

async function send(url: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (cause) {
    throw new OpenWitError('unavailable', 'STORE_UNAVAILABLE', `no node answers, url=${url.origin}`, { cause });
  }
}
