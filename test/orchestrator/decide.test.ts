import test from 'ava';
import { serviceCreate } from '../store/cluster-fixture.ts';
import { SimulatedCluster } from './simulated-cluster.ts';

test('a replicated service is spread over the nodes', (t) => {
  const cluster = new SimulatedCluster(3);
  cluster.apply(serviceCreate('web', { replicas: 6 }));
  cluster.settle();
  const nodes = cluster.running('web').map((task) => task.nodeId);
  t.deepEqual(nodes.toSorted(), ['n1', 'n1', 'n2', 'n2', 'n3', 'n3']);
});
