import test from 'ava';
import {
  containerLabels,
  expandPlaceholders,
  isImageReference,
  taskHostname,
  taskName,
  type Node,
  type Task,
} from '../../src/model/index.ts';

const task = {
  id: 'abcdefghijklmnopqrstuvwxy',
  serviceId: 'svc',
  serviceName: 'web',
  slot: 2,
  nodeId: 'node1',
  spec: { ContainerSpec: { Image: 'x', Labels: { mine: 'yes' } } },
  status: { containerId: 'f'.repeat(64) },
} as unknown as Task;
const node = { id: 'node1', description: { hostname: 'host1' } } as Node;

test('tasks are named after service, place and id', (t) => {
  t.is(taskName(task), 'web.2.abcdefghijklmnopqrstuvwxy');
  t.is(taskName({ ...task, slot: 0 }), 'web.node1.abcdefghijklmnopqrstuvwxy');
});

test('a container carries the labels that Docker gives it', (t) => {
  t.deepEqual(containerLabels(task), {
    mine: 'yes',
    'com.docker.swarm.node.id': 'node1',
    'com.docker.swarm.service.id': 'svc',
    'com.docker.swarm.service.name': 'web',
    'com.docker.swarm.task': '',
    'com.docker.swarm.task.id': 'abcdefghijklmnopqrstuvwxy',
    'com.docker.swarm.task.name': 'web.2.abcdefghijklmnopqrstuvwxy',
  });
});

const placeholders: readonly { text: string; expected: string }[] = [
  { text: '{{.Service.Name}}-{{.Task.Slot}}', expected: 'web-2' },
  { text: '{{ .Node.Hostname }}', expected: 'host1' },
  { text: '{{.Node.ID}}.{{.Service.ID}}', expected: 'node1.svc' },
  { text: '{{.Task.Name}}', expected: 'web.2.abcdefghijklmnopqrstuvwxy' },
  { text: '{{.Nothing.Else}} {{x}} {{', expected: '{{.Nothing.Else}} {{x}} {{' },
  { text: '{{.constructor}}', expected: '{{.constructor}}' },
  { text: 'plain', expected: 'plain' },
];

for (const { text, expected } of placeholders) {
  test(`${text} becomes ${expected}`, (t) => t.is(expandPlaceholders(text, task, node), expected));
}

test('a container is called by the spec’s hostname, its short id, or its task’s', (t) => {
  const named = { ...task, spec: { ContainerSpec: { Image: 'x', Hostname: 'h-{{.Task.Slot}}' } } };
  t.is(taskHostname(named, node), 'h-2');
  t.is(taskHostname(task, node), 'f'.repeat(12));
  t.is(taskHostname({ ...task, status: {} } as Task, undefined), 'abcdefghijkl');
});

const references: readonly { text: string; isGood: boolean }[] = [
  { text: 'busybox', isGood: true },
  { text: 'busybox:1.36', isGood: true },
  { text: 'library/busybox', isGood: true },
  { text: 'registry.example.com:5000/team/app_x:v1.2-rc', isGood: true },
  { text: 'localhost/app', isGood: true },
  { text: `app@sha256:${'0'.repeat(64)}`, isGood: true },
  { text: `app:v1@sha256:${'0'.repeat(64)}`, isGood: true },
  { text: '', isGood: false },
  { text: 'Upper', isGood: false },
  { text: 'a b', isGood: false },
  { text: 'app:', isGood: false },
  { text: 'app@sha256:short', isGood: false },
  { text: '-app', isGood: false },
  { text: 'a//b', isGood: false },
  { text: 'app:tag/extra', isGood: false },
  { text: 'a'.repeat(600), isGood: false },
];

for (const { text, isGood } of references) {
  test(`${text.slice(0, 60) || 'nothing'} is ${isGood ? 'an' : 'no'} image reference`, (t) =>
    t.is(isImageReference(text), isGood));
}
