import test from 'ava';
import * as fc from 'fast-check';
import { ReportOutbox } from '../../../src/cluster/worker/report-outbox.ts';
import type { TaskId, TaskStatus } from '../../../src/model/index.ts';

function status(atMs: number): TaskStatus {
  return { state: 'running', atMs, message: 'started' };
}

test('a manager that takes, refuses or loses reports in any order ends with the newest of each task', (t) => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('put' as const), task: fc.nat({ max: 5 }) }),
    fc.record({
      kind: fc.constant('send' as const),
      fate: fc.constantFrom('taken', 'refused', 'lost', 'unanswered'),
    }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const outbox = new ReportOutbox();
      const newest = new Map<string, number>();
      const known = new Map<string, number>();
      let time = 0;
      const send = (fate: string): boolean => {
        const next = outbox.next();
        if (next === undefined) return false;
        if (fate === 'taken' || fate === 'unanswered')
          for (const report of next.reports) known.set(report.id, report.status.atMs);
        if (fate === 'lost' || fate === 'unanswered') outbox.reset();
        else outbox.answered(next.id, fate === 'taken');
        return true;
      };
      for (const each of steps) {
        if (each.kind === 'send') {
          send(each.fate);
          continue;
        }
        time += 1;
        outbox.put([{ id: `${each.task}` as TaskId, status: status(time) }]);
        newest.set(`${each.task}`, time);
      }
      while (send('taken'));
      t.deepEqual([...known].sort(), [...newest].sort());
    }),
  );
});

test('a status that changes while its report is on the way is sent again', (t) => {
  const outbox = new ReportOutbox();
  const id = 'task' as TaskId;
  outbox.put([{ id, status: status(1) }]);
  const first = outbox.next();
  outbox.put([{ id, status: status(2) }]);
  t.is(outbox.next(), undefined);
  outbox.answered(first?.id ?? 0, true);
  t.is(outbox.next()?.reports[0]?.status.atMs, 2);
});

test('long texts are cut to what a manager takes', (t) => {
  const outbox = new ReportOutbox();
  outbox.put([{ id: 'task' as TaskId, status: { ...status(1), error: 'e'.repeat(100_000) } }]);
  t.is(outbox.next()?.reports[0]?.status.error?.length, 2000);
});
