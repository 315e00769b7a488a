/** The three OpenTelemetry signals; each has one table of the same name per tenant. */
export const SIGNALS = ['traces', 'logs', 'metrics'] as const;

export type Signal = (typeof SIGNALS)[number];

/** A table is called like its signal. */
export type TableName = Signal;
