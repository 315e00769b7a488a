/** An OTLP/JSON logs request with one record a number: body `record n`, attribute `n`, one nanosecond apart. */
export function logRequest(numbers: readonly number[]): string {
  const logRecords = numbers.map((n) => ({
    timeUnixNano: String(1_790_000_000_000_000_000n + BigInt(n)),
    body: { stringValue: `record ${n}` },
    attributes: [{ key: 'n', value: { intValue: String(n) } }],
  }));
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'numbers' } }] };
  return JSON.stringify({ resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] });
}

/** Sends it; the status, or undefined when the node is gone. */
export async function sendLogs(http: string, numbers: readonly number[]): Promise<number | undefined> {
  const headers = { 'content-type': 'application/json' };
  try {
    const response = await fetch(`${http}/v1/logs`, { method: 'POST', headers, body: logRequest(numbers) });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return undefined;
  }
}

export function range(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => from + i);
}
