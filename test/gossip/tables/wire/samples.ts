/** One of every message, by name: pinned in vectors.txt, and what fuzzing starts from. */
import type { NetworkId } from '../../../../src/model/index.ts';
import type { RowKind } from '../../../../src/gossip/tables/rows/row.ts';
import type { TableMessage } from '../../../../src/gossip/tables/wire/messages.ts';
import { nodeId, rowOf, time } from '../support.ts';

const networkId = 'net-1' as NetworkId;
const [ALPHA, BETA] = [nodeId('alpha'), nodeId('beta')];

export const SAMPLES: ReadonlyMap<string, TableMessage> = new Map<string, TableMessage>([
  [
    'news',
    {
      kind: 'news',
      networkId,
      items: [
        { owner: ALPHA, since: time(0), row: rowOf('task-1', 1, 'up') },
        { owner: ALPHA, since: time(200), row: rowOf('task-1', 300) },
        {
          owner: BETA,
          since: time(2 ** 48 - 2),
          row: { ...rowOf('k', 2 ** 48 - 1, ''), kind: 255 as RowKind },
        },
      ],
    },
  ],
  ['news/none', { kind: 'news', networkId, items: [] }],
  [
    'digest',
    {
      kind: 'digest',
      networkId,
      range: {},
      entries: [
        { owner: ALPHA, mark: time(300), count: 12, hash: 0xdeadbeef },
        { owner: BETA, mark: time(0), count: 0, hash: 0 },
      ],
    },
  ],
  [
    'digest/middle',
    { kind: 'digest', networkId, range: { after: ALPHA, through: BETA }, entries: [] },
  ],
  ['digest/first', { kind: 'digest', networkId, range: { through: ALPHA }, entries: [] }],
  [
    'digest/answer',
    { kind: 'digest', networkId, entries: [{ owner: BETA, mark: time(1), count: 1, hash: 1 }] },
  ],
  [
    'pull',
    {
      kind: 'pull',
      networkId,
      entries: [
        { owner: ALPHA, since: time(300), sweep: time(0) },
        { owner: BETA, since: time(7), sweep: time(129) },
      ],
    },
  ],
  [
    'rows',
    {
      kind: 'rows',
      networkId,
      rest: [{ owner: BETA, since: time(9), sweep: time(5) }],
      sections: [
        {
          owner: ALPHA,
          isSweep: false,
          since: time(1),
          through: time(300),
          floor: time(0),
          isLast: true,
          rows: [rowOf('task-1', 300), rowOf('task-2', 301, 'up')],
        },
        {
          owner: BETA,
          isSweep: true,
          since: time(0),
          through: time(9),
          floor: time(5),
          isLast: false,
          rows: [rowOf('task-3', 9, 'down')],
        },
      ],
    },
  ],
  [
    'rows/end',
    {
      kind: 'rows',
      networkId,
      rest: [],
      sections: [
        {
          owner: BETA,
          isSweep: true,
          since: time(9),
          through: time(9),
          floor: time(5),
          isLast: true,
          rows: [],
        },
      ],
    },
  ],
]);
