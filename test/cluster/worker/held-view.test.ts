import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { SILENT_LOGGER } from '../../../src/base/index.ts';
import { HeldView } from '../../../src/cluster/worker/held-view.ts';
import type { NodeId, Revision, ViewRow } from '../../../src/model/index.ts';

const nodeId = 'noda0000000000000000000a' as NodeId;
const SETTINGS: ViewRow = { kind: 'settings', dataPathPort: 4_799 };

async function withDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'hawser-view-'));
  try {
    await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function told(revision: number): Parameters<HeldView['apply']>[0] {
  const upserts = [{ revision: revision as Revision, row: SETTINGS }];
  const rest = { isReset: false, removes: [], isComplete: true, revision: revision as Revision };
  return { type: 'rows', upserts, ...rest };
}

test('a view off the disk is remembered until a manager has told rows, even none', async (t) => {
  await withDirectory(async (directory) => {
    const options = { directory, nodeId, logger: SILENT_LOGGER };
    const first = await HeldView.load(options);
    t.is(first.view, undefined);
    t.true(first.apply(told(7)));
    t.is(first.view?.isRemembered, undefined);
    await first.flush();

    const second = await HeldView.load(options);
    t.is(second.view?.isRemembered, true);
    t.is(second.view?.settings.dataPathPort, 4_799);
    t.true(second.apply({ ...told(7), upserts: [] }));
    t.is(second.view?.isRemembered, undefined);
    t.is(second.view?.settings.dataPathPort, 4_799);
    await second.flush();
  });
});

test('rows of a difference that is not whole leave a remembered view as it is', async (t) => {
  await withDirectory(async (directory) => {
    const options = { directory, nodeId, logger: SILENT_LOGGER };
    const first = await HeldView.load(options);
    first.apply(told(7));
    await first.flush();
    const second = await HeldView.load(options);
    t.false(second.apply({ ...told(8), isComplete: false }));
    t.is(second.view?.isRemembered, true);
    t.is(second.view?.revision, 7 as Revision);
  });
});
