import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { SILENT_LOGGER } from '../../../../src/base/index.ts';
import { SessionTable } from '../../../../src/cluster/manager/sessions/session-table.ts';
import type { NodeId } from '../../../../src/model/index.ts';

const HEARTBEAT_MS = 20;
const STANDSTILL_MS = 600_000;
const DEADLINE_MS = 20_000;

/** Time that leaps when this process is said to have stood still. */
class LeapingClock {
  private leaptMs = 0;

  wallMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now() + this.leaptMs;
  }

  leap(): void {
    this.leaptMs += STANDSTILL_MS;
  }
}

function tableOf(clock: LeapingClock, down: NodeId[]): SessionTable {
  return new SessionTable({
    clock,
    logger: SILENT_LOGGER,
    heartbeatMs: () => HEARTBEAT_MS,
    callDown: async (nodeId) => {
      down.push(nodeId);
      return true;
    },
  });
}

for (const [order, isHeard] of [
  ['before anything is heard again', false],
  ['after a node was heard again', true],
] as const)
  test(`a standstill that is noticed ${order} grants one grace period, not more`, async (t) => {
    const clock = new LeapingClock();
    const down: NodeId[] = [];
    const table = tableOf(clock, down);
    const node = 'node1' as NodeId;
    table.heard(node);
    table.start();
    clock.leap();
    if (isHeard) table.heard(node);
    const endMs = performance.now() + DEADLINE_MS;
    while (down.length === 0 && performance.now() < endMs) await delay(5);
    table.stop('the test ends');
    t.deepEqual(down, [node]);
  });

test('a node that is heard is not called down', async (t) => {
  const clock = new LeapingClock();
  const down: NodeId[] = [];
  const table = tableOf(clock, down);
  table.expect(['silent', 'heard'] as NodeId[]);
  table.start();
  const endMs = performance.now() + DEADLINE_MS;
  while (down.length === 0 && performance.now() < endMs) {
    table.heard('heard' as NodeId);
    await delay(5);
  }
  table.stop('the test ends');
  t.deepEqual(down, ['silent' as NodeId]);
});
