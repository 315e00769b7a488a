import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);

test('a script that waits for a flush, while the disk fails for a moment, does not end in the middle of it', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'openwit-alive-'));
  t.after(() => rmSync(dataDir, { recursive: true, force: true }));
  const program = `
    import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
    import { OpenWit } from '@openwit/core';
    import { nodeFileSystem } from '@openwit/ports';
    import { FaultyFileSystem } from '@openwit/ports/testing';
    const disk = new FaultyFileSystem(nodeFileSystem);
    const wit = await OpenWit.open({ dataDir: ${JSON.stringify(dataDir)}, fileSystem: disk });
    const exporter = wit.spanExporter();
    const provider = new TracerProvider({ spanProcessors: [new BatchSpanProcessor({ exporter })] });
    disk.fail('EIO', { operation: 'sync', path: /wal/, times: 2 });
    provider.getTracer('t').startSpan('s').end();
    await provider.forceFlush();
    disk.fail('ENOSPC', { operation: 'write', path: /parquet/, times: 2 });
    await wit.flush();
    const [row] = await wit.sql\`select count(*) as n from traces\`;
    await wit.close();
    console.log('spans', row.n);`;
  const args = ['--conditions=openwit-source', '--input-type=module', '-e', program];
  const { stdout } = await run(process.execPath, args, { cwd: import.meta.dirname, timeout: 60_000 });
  assert.equal(stdout, 'spans 1n\n');
});
