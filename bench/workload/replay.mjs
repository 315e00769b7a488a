#!/usr/bin/env node
// Sends a workload file to an OTLP/HTTP endpoint and prints one JSON line: records/s, and, given the
// server's process id, its CPU seconds and CPU microseconds per record (user + system) and peak RSS.
//
//   node replay.mjs FILE.bin URL [--connections 4] [--pid PID] [--settle 10] [--per-request 1000] [--header 'k: v']
//
// `--settle` waits that many seconds after the last request before it reads the CPU again, so that
// background work (flush, compaction, indexing) is counted.
import { readFileSync } from 'node:fs';
import http from 'node:http';

const [file, url, ...rest] = process.argv.slice(2);
const option = (name, fallback) => {
  const at = rest.indexOf(`--${name}`);
  return at < 0 ? fallback : rest[at + 1];
};
if (!file || !url) {
  console.error(
    "usage: replay.mjs FILE.bin URL [--connections 4] [--pid PID] [--settle 10] [--per-request 1000] [--header 'k: v']",
  );
  process.exit(2);
}
const connections = Number(option('connections', 4));
const perRequest = Number(option('per-request', 1000));
const settle = Number(option('settle', 10));
const pid = option('pid');
const [headerName, headerValue] = (option('header') ?? '').split(/:\s*/);

const bytes = readFileSync(file);
const requests = [];
for (let at = 0; at < bytes.length; ) {
  const length = bytes.readUInt32LE(at);
  requests.push(bytes.subarray(at + 4, at + 4 + length));
  at += 4 + length;
}

// Linux: fields 14 and 15 of /proc/PID/stat are user and system time in ticks of 10 ms.
const cpuSeconds = () => {
  if (!pid) return 0;
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
};
const peakRssMiB = () =>
  Math.round(Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmHWM:\s+(\d+)/)[1]) / 1024);

const target = new URL(url);
const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
const statuses = {};
const send = (body) =>
  new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/x-protobuf', 'content-length': body.length };
    if (headerName) headers[headerName] = headerValue;
    const request = http.request(target, { agent, method: 'POST', headers }, (response) => {
      statuses[response.statusCode] = (statuses[response.statusCode] ?? 0) + 1;
      response.resume();
      response.on('end', resolve);
    });
    request.on('error', reject);
    request.end(body);
  });

let next = 0;
const cpuBefore = cpuSeconds();
const startedAt = performance.now();
await Promise.all(
  Array.from({ length: connections }, async () => {
    while (next < requests.length) await send(requests[next++]);
  }),
);
const elapsed = (performance.now() - startedAt) / 1000;
agent.destroy();
const records = requests.length * perRequest;
const report = {
  file,
  records,
  statuses,
  records_per_second: Math.round(records / elapsed),
  megabytes_per_second: Math.round(bytes.length / elapsed / 1e6),
};
if (pid) {
  report.cpu_us_per_record_at_ack = Number((((cpuSeconds() - cpuBefore) * 1e6) / records).toFixed(2));
  await new Promise((resolve) => setTimeout(resolve, settle * 1000));
  report.cpu_us_per_record_settled = Number((((cpuSeconds() - cpuBefore) * 1e6) / records).toFixed(2));
  report.peak_rss_mib = peakRssMiB();
}
console.log(JSON.stringify(report));
