import test from 'ava';
import type { NodeId, ServiceId, Task, TaskId } from '../../src/model/index.ts';
import { containerIdOf, containerSpecOf, taskName } from '../../src/node/container-spec.ts';

const CONTEXT = {
  nodeId: 'node1' as NodeId,
  nodeHostname: 'worker-1',
  networkNamespacePath: '/run/hawser/netns/t-1',
  resolvConf: 'nameserver 127.0.0.11\n',
  hostsFile: (hostname: string) => `10.0.1.5\t${hostname}\n`,
};

function task(spec: Partial<Task['spec']>, more: Partial<Task> = {}): Task {
  return {
    id: 'task1' as TaskId,
    serviceId: 'service1' as ServiceId,
    serviceName: 'web',
    slot: 2,
    nodeId: 'node1' as NodeId,
    spec: { ContainerSpec: { Image: 'busybox' }, ...spec },
    ...more,
  } as Task;
}

test("a container has the same id whenever it is asked for, and Docker's shape of one", (t) => {
  t.is(containerIdOf('task1' as TaskId), containerIdOf('task1' as TaskId));
  t.regex(containerIdOf('task1' as TaskId), /^[0-9a-f]{64}$/);
});

test('a task is named by its service and slot, a global one by its node', (t) => {
  t.is(taskName(task({})), 'web.2.task1');
  t.is(taskName(task({}, { slot: 0 })), 'web.node1.task1');
});

test('a container without a hostname is called by its short id', (t) => {
  const spec = containerSpecOf(task({}), CONTEXT);
  t.is(spec.hostname, containerIdOf('task1' as TaskId).slice(0, 12));
  t.is(spec.hostsFile, `10.0.1.5\t${spec.hostname}\n`);
});

test('placeholders are filled in where Docker fills them in', (t) => {
  const spec = containerSpecOf(
    task({
      ContainerSpec: {
        Image: 'busybox',
        Hostname: '{{.Service.Name}}-{{.Task.Slot}}-{{.Node.Hostname}}',
        Env: ['ID={{ .Task.ID }}', 'OTHER={{.Unknown}}'],
      },
    }),
    CONTEXT,
  );
  t.is(spec.hostname, 'web-2-worker-1');
  t.deepEqual(spec.env, ['ID=task1', 'OTHER={{.Unknown}}']);
});

test('limits, grace and labels reach the runtime in its units', (t) => {
  const spec = containerSpecOf(
    task({
      ContainerSpec: { Image: 'busybox', StopGracePeriod: 3e9, Labels: { tier: 'front' } },
      Resources: { Limits: { MemoryBytes: 1 << 26, NanoCPUs: 5e8, Pids: 10 } },
    }),
    CONTEXT,
  );
  t.like(spec, { stopGraceMs: 3000, memoryBytes: 1 << 26, nanoCpus: 5e8, pids: 10 });
  t.like(spec.labels, { tier: 'front', 'com.docker.swarm.service.name': 'web' });
});

test('a grace period of zero is zero, not the default', (t) => {
  const asked = { ContainerSpec: { Image: 'busybox', StopGracePeriod: 0 } };
  t.is(containerSpecOf(task(asked), CONTEXT).stopGraceMs, 0);
  t.is(containerSpecOf(task({}), CONTEXT).stopGraceMs, 10_000);
});
