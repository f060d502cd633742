/** Faults of the underlay, and what the probes of its paths say of them. */
import test, { type ExecutionContext } from 'ava';
import {
  apiOf,
  eventually,
  IMAGE,
  inLab,
  inTask,
  labDown,
  labNode,
  QUICK,
  startLab,
  verb,
  whenRunning,
} from '../lab-fixture.ts';
import { labStart, labStop } from '../../../src/lab/index.ts';

/** By its path: npm's programs come first where tests run, and one of them has the name. */
const NFT = '/usr/sbin/nft';

test.before(() => startLab(2));
test.after.always(() => labDown());

interface NodeDocument {
  readonly Status: { readonly Addr: string };
  readonly Description: { readonly Engine: { readonly Labels?: Record<string, string> } };
}

/** What a node says of its paths: `docker node inspect`. */
async function labelsOf(node: number): Promise<Record<string, string>> {
  const nodes = (await apiOf(1).call({ method: 'GET', path: '/nodes' })) as NodeDocument[];
  const { address } = labNode(node);
  const found = nodes.find(({ Status }) => Status.Addr === address);
  return found?.Description.Engine.Labels ?? {};
}

const problemsOf = (labels: Record<string, string>): string =>
  Object.entries(labels)
    .filter(([key]) => key.startsWith('hawser.path.problem.'))
    .map(([, text]) => text)
    .join('\n');

/** A node looks at its paths soon after its agent has started. */
async function lookAgain(): Promise<void> {
  await labStop('2', 'SIGKILL');
  await labStart('2');
}

/** Waits until a node says of its paths what is expected. */
async function says(t: ExecutionContext, awaited: RegExp, mtu?: string): Promise<void> {
  await eventually(t, `a node that says ${awaited.source}`, {
    look: () => labelsOf(2),
    holds: (labels) =>
      awaited.test(problemsOf(labels)) && (mtu ?? '') === (labels['hawser.path.mtu'] ?? ''),
  });
}

async function rules(t: ExecutionContext, ...lines: readonly string[]): Promise<void> {
  const hook = 'type filter hook input priority -350; policy accept;';
  const table = ['add table inet fault', `add chain inet fault tunnel { ${hook} }`];
  const rows = lines.map((line) => `add rule inet fault tunnel ${line}`);
  const { status, stderr } = await inLab(1, NFT, [...table, ...rows].join('; '));
  t.is(status, 0, stderr);
}

const mend = (): Promise<unknown> => inLab(1, NFT, 'delete table inet fault');

test.serial('whole paths have the underlay’s MTU and no problems', async (t) => {
  t.timeout(180_000);
  await says(t, /^$/, '1500');
  const { stdout } = await inLab(2, 'curl', '-s', `http://${labNode(2).metricsAddress}/metrics`);
  t.regex(stdout, /^hawser_overlay_path_mtu_bytes 1500$/m);
  t.regex(stdout, /^hawser_overlay_path_reachable_nodes 1$/m);
});

// Offsets in bits from the UDP header: VXLAN, Ethernet and IPv4 headers, then the inner UDP's.
const INNER_CHECKSUM = '@th,448,16';
const INNER_PAYLOAD_BYTE = '@th,800,8';
const TUNNEL = `ip saddr ${labNode(2).address} udp dport 4789`;

const faults: readonly (readonly [string, string, RegExp, string?])[] = [
  ['a filtered port', 'drop', /198\.18\.0\.1: (unreachable|one-way): .*4789/],
  ['spoilt checksums', `${INNER_CHECKSUM} != 0 drop`, /: checksum: .*ethtool/, '1500'],
  ['changed packets', `${INNER_PAYLOAD_BYTE} set 0`, /: corrupt: /],
];

for (const [name, rule, expected, mtu] of faults) {
  test.serial(`${name}: the node says so, and what to do`, async (t) => {
    t.timeout(180_000);
    await rules(t, `${TUNNEL} ${rule}`);
    t.teardown(mend);
    await lookAgain();
    await says(t, expected, mtu);
  });
}

test.serial('a narrower link: networks without an MTU of their own follow', async (t) => {
  t.timeout(180_000);
  await inLab(2, 'ip', 'link', 'set', 'eth0', 'mtu', '1400');
  t.teardown(() => inLab(2, 'ip', 'link', 'set', 'eth0', 'mtu', '1500'));
  await verb(t, 1, 'network', 'create', '-d', 'overlay', 'plain');
  const create = ['service', 'create', ...QUICK, '--name', 'plain', '--network', 'plain'];
  await verb(t, 1, ...create, IMAGE, 'sleep', '86400');
  await whenRunning(t, 'plain', 1);
  await lookAgain();
  await says(t, /^$/, '1400');
  await eventually(t, 'the running task’s interface', {
    look: () => inTask(t, 'plain', 'ip', 'link', 'show', 'eth0'),
    holds: (shown) => shown.includes('mtu 1350'),
  });
  const { stdout } = await inLab(2, 'cat', labNode(2).logPath);
  t.regex(stdout, /shrunk to 1400 bytes/);
});
