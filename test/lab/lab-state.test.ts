import test from 'ava';
import { LabError } from '../../src/lab/index.ts';
import { checkLabOptions } from '../../src/lab/lab-state.ts';
import { labNode, LAB_CLIENT } from '../../src/lab/layout.ts';

const OPTIONS = { nodes: 3, managers: 1, runtime: 'oci', lb: 'auto' };

test('a lab has 1 to 100 nodes, of which 1 to 7 manage the cluster', (t) => {
  for (const right of [{}, { managers: 3 }, { nodes: 100, managers: 7 }]) {
    t.notThrows(() => checkLabOptions({ ...OPTIONS, ...right }));
  }
  const wrongNodes = [{ nodes: 0 }, { nodes: 101 }, { nodes: 1.5 }];
  const wrongManagers = [{ managers: 0 }, { managers: 4 }, { nodes: 9, managers: 8 }];
  for (const wrong of [...wrongNodes, ...wrongManagers, { managers: 1.5 }]) {
    const error = t.throws(() => checkLabOptions({ ...OPTIONS, ...wrong }), {
      instanceOf: LabError,
    });
    t.is(error.detail.code, 'option-invalid');
  }
});

test('names and addresses are those that scripts rely on', (t) => {
  t.deepEqual(labNode(2), {
    number: 2,
    namespace: 'hawser-lab-2',
    port: 'n2',
    address: '198.18.0.2',
    address6: 'fd00:18::2',
    dataDirectory: '/var/lib/hawser-lab/2',
    runDirectory: '/run/hawser-lab/2',
    socketPath: '/run/hawser-lab/2/hawser.sock',
    pidPath: '/run/hawser-lab/2/agent.pid',
    logPath: '/run/hawser-lab/2/agent.log',
    metricsAddress: '198.18.0.2:9323',
  });
  t.is(LAB_CLIENT.address, '198.18.0.254');
});
