import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { parseHostAddress } from '../../src/agent/host/addresses.ts';
import { parseOsRelease } from '../../src/agent/host/machine.ts';
import { lockRunDirectory } from '../../src/agent/host/run-lock.ts';
import { requireSupported, type AgentConfig } from '../../src/agent/config.ts';

const addresses: { text: string; expected: { ip: string; port?: number } }[] = [
  { text: '192.0.2.1', expected: { ip: '192.0.2.1' } },
  { text: '192.0.2.1:2400', expected: { ip: '192.0.2.1', port: 2400 } },
  { text: '2001:db8::1', expected: { ip: '2001:db8::1' } },
  { text: '[2001:db8::1]:2400', expected: { ip: '2001:db8::1', port: 2400 } },
];

for (const { text, expected } of addresses) {
  test(`${text} is an address of a host`, (t) => {
    t.deepEqual(parseHostAddress('--advertise-addr', text), expected);
  });
}

for (const text of ['nosuchinterface0', '192.0.2.1:70000', '192.0.2.1:0', '', '300.1.1.1']) {
  test(`"${text}" is refused as an address, naming the option`, (t) => {
    const error = t.throws(() => parseHostAddress('--advertise-addr', text));
    t.like(error, { detail: { code: 'invalid', option: '--advertise-addr', value: text } });
  });
}

test('values of os-release are read with and without quotes', (t) => {
  const text = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID=12\n# a remark\n';
  t.deepEqual(parseOsRelease(text), {
    PRETTY_NAME: 'Debian GNU/Linux 12 (bookworm)',
    VERSION_ID: '12',
  });
});

test('a pid file of a process that is no agent does not hold the directory', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'hawser-lock-'));
  try {
    await writeFile(join(directory, 'agent.pid'), '1\n');
    const unlock = await lockRunDirectory(directory);
    t.is(await readFile(join(directory, 'agent.pid'), 'utf8'), `${process.pid}\n`);
    await unlock();
    await t.throwsAsync(readFile(join(directory, 'agent.pid')), { code: 'ENOENT' });
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('what this version cannot do is refused by name instead of being ignored', (t) => {
  const config = { runtime: 'auto', lb: 'auto', firewall: 'auto', overlay: 'auto' } as AgentConfig;
  t.notThrows(() => requireSupported(config));
  const error = t.throws(() => requireSupported({ ...config, lb: 'ipvs' }));
  t.like(error, { detail: { code: 'unsupported', option: '--lb', value: 'ipvs' } });
});
