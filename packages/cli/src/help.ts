const OVERVIEW = `openwit: OpenTelemetry in, SQL out

  openwit serve           run a node that takes OTLP and answers SQL
  openwit sql "select …"  ask a running node, or a data folder
  openwit ingest FILE     send a file of OTLP to a running node, or into a data folder

Start here:

  openwit serve &
  export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318    # any OpenTelemetry SDK
  openwit sql "select service_name, count(*) from traces group by 1"

openwit COMMAND --help tells the rest.
`;

const PAGES = {
  serve: `openwit serve [options]: run a node

  --data-dir DIR   where the data is kept; made when it is not there   (./data)
  --config FILE    JSON with the options of a node: ingest, wal, storage, tiers, indexing, tenants,
                   query, listen
  --host HOST      address to listen on                                (127.0.0.1)
  --grpc PORT      OTLP over gRPC, 0 for a free port                    (4317)
  --http PORT      OTLP over HTTP: /v1/traces, /v1/logs, /v1/metrics    (4318)
  --api PORT       SQL over HTTP: POST /api/v1/sql                      (8080)

It prints one line when it takes requests:

  openwit ready grpc=127.0.0.1:4317 http=http://127.0.0.1:4318 api=http://127.0.0.1:8080

SIGTERM or SIGINT flushes, closes and exits with 0; again, or before the node is open, it exits with 1 at once. An acknowledged record survives anything, also kill -9.
`,
  sql: `openwit sql "SQL" [options]: ask a question

  --url URL        the API of a running node                            (http://127.0.0.1:8080)
  --data-dir DIR   a data folder that no node has open, instead
  --tenant NAME    whose tables                                         (default)
  --format FORMAT  table, json or csv                                   (table)

The tables are traces, logs and metrics; SQL is DuckDB's:

  openwit sql "select span_name, duration_ns / 1e6 as ms from traces order by ms desc limit 10"
  openwit sql "select body from logs where timestamp > now() - interval 1 hour and severity_text = 'ERROR'"
  openwit sql "select attributes['http.route'] as route, count(*) from traces group by all order by 2 desc"
`,
  ingest: `openwit ingest FILE [options]: send a file of OTLP

  --url URL        OTLP over HTTP of a running node                     (http://127.0.0.1:4318)
  --data-dir DIR   a data folder that no node has open, instead
  --tenant NAME    whose records they are                               (default)
  --signal SIGNAL  traces, logs or metrics; needed for protobuf

FILE is OTLP/JSON, one request a line, as the Collector's file exporter writes it; or protobuf: one
Export…ServiceRequest, or many with a 4-byte length (either byte order) before each.

  openwit ingest traces.jsonl
  openwit ingest spans.bin --signal traces --data-dir ./data
`,
};

/** The page of a command, or the overview. */
export function helpOf(command: keyof typeof PAGES | undefined): string {
  return command === undefined ? OVERVIEW : PAGES[command];
}
