import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { agentConfig } from '../../src/cli/agent-options.ts';
import { CliError } from '../../src/cli/errors.ts';

const directory = mkdtempSync(join(tmpdir(), 'hawser-config-'));
test.after.always(() => rmSync(directory, { recursive: true }));

function configFile(text: string): string {
  const path = join(directory, `${Math.random().toString(36).slice(2)}.yaml`);
  writeFileSync(path, text);
  return path;
}

test('defaults are those of the contract', (t) => {
  t.deepEqual(agentConfig({}), {
    dataDirectory: '/var/lib/hawser',
    runDirectory: '/run/hawser',
    api: 'unix:///run/hawser/hawser.sock',
    listenAddress: '0.0.0.0:2377',
    gossipPort: 7946,
    metricsAddress: '127.0.0.1:9323',
    runtime: 'auto',
    lb: 'auto',
    firewall: 'auto',
    overlay: 'auto',
    logLevel: 'info',
    logFormat: 'json',
    resolvConf: '/etc/resolv.conf',
  });
});

test('a flag wins over the file, and the file over the default', (t) => {
  const config = configFile('data-dir: /srv/hawser\ngossip-port: 8946\nlog-level: debug\n');
  const read = agentConfig({ config, logLevel: 'warn', advertiseAddr: 'eth0' });
  t.is(read.dataDirectory, '/srv/hawser');
  t.is(read.gossipPort, 8946);
  t.is(read.logLevel, 'warn');
  t.is(read.advertiseAddress, 'eth0');
});

test('a file that is wrong is refused with what is wrong', (t) => {
  const table: [string, 'usage' | 'failed'][] = [
    ['datadir: /srv', 'usage'],
    ['runtime: magic', 'usage'],
    ['data-dir: [1]', 'usage'],
    ['- a', 'usage'],
    ['gossip-port: 70000', 'usage'],
    ['a: : b', 'failed'],
  ];
  for (const [text, code] of table) {
    const error = t.throws(() => agentConfig({ config: configFile(text) }), {
      instanceOf: CliError,
    });
    t.is(error.detail.code, code, text);
  }
  t.throws(() => agentConfig({ config: '/nonexistent.yaml' }), { instanceOf: CliError });
  t.notThrows(() => agentConfig({ config: configFile('') }));
});
