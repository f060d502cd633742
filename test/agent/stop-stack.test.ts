import test from 'ava';
import { StopStack } from '../../src/agent/stop-stack.ts';

test('what came last is stopped first, and nothing twice', async (t) => {
  const stopped: string[] = [];
  const stops = new StopStack();
  for (const name of ['kernel', 'member', 'api']) stops.add(() => stopped.push(name));
  await stops.run();
  await stops.run();
  t.deepEqual(stopped, ['api', 'member', 'kernel']);
});

test('a stop that fails holds none of the others back and is told', async (t) => {
  const stopped: string[] = [];
  const stops = new StopStack();
  stops.add(() => stopped.push('kernel'));
  stops.add(() => Promise.reject(new Error('member does not close')));
  stops.add(() => stopped.push('api'));
  await t.throwsAsync(stops.run(), { message: 'member does not close' });
  t.deepEqual(stopped, ['api', 'kernel']);
});
