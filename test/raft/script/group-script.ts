/**
 * The commands of scripts about raft. `group voters=1,2,3 learners=4 others=5` begins; limits may
 * follow by their short names. Then things are asked of peers (`propose 1 x y`), messages are
 * delivered, dropped or repeated (`deliver to=2 kind=append`, `run` until nothing is on its way),
 * disks held and synced, peers crashed and started; `status`, `log`, `progress`, `history`,
 * `flights` and `counters` show.
 */
import type {
  ClientId,
  Command,
  HardState,
  LogIndex,
  Membership,
  MembershipChange,
  PeerId,
  Raft,
  RaftLimits,
  ReadId,
  Term,
} from '../../../src/raft/index.ts';
import { table, type ScenarioCommand, type ScenarioRunner } from '../../store/scenario.ts';
import { logOf } from '../sim/checkers.ts';
import type { SimPeer } from '../sim/sim-peer.ts';
import { entry, memberIds } from '../support/words.ts';
import { describeEntry, describeMembership, describeSnapshot } from './describe.ts';
import { ScriptGroup } from './group.ts';

type Options = ScenarioCommand['options'];
type Arguments = readonly string[];

const LIMITS: Readonly<Record<string, keyof RaftLimits>> = {
  entry: 'entryBytesMax',
  append: 'appendBytesMax',
  inflight: 'inflightMessagesMax',
  inflightbytes: 'inflightBytesMax',
  uncommitted: 'uncommittedBytesMax',
  unstable: 'unstableBytesMax',
  reads: 'readsMax',
  outbox: 'outboxMessagesMax',
  lag: 'promoteLagEntriesMax',
};

export function groupScript(): ScenarioRunner {
  const script = new GroupScript();
  return (command) => script.run(command);
}

class GroupScript {
  private group = new ScriptGroup({
    membership: { voters: [], learners: [] },
    others: [],
    limits: {},
  });
  private sequence = 0;

  /** Runs one command; what it shows, after what was noticed meanwhile. */
  run({ words, options }: ScenarioCommand): readonly string[] {
    const [verb = '', ...rest] = words;
    const shown = this.act(verb, rest, options);
    const lines = [...this.group.takeLines(), ...shown];
    return rest.includes('quietly') ? [] : lines;
  }

  private act(verb: string, words: Arguments, options: Options): readonly string[] {
    switch (verb) {
      case 'group':
        this.group = new ScriptGroup(groupOptions(options));
        this.sequence = 0;
        return [];
      case 'deliver':
      case 'run':
      case 'drop':
      case 'repeat':
        this.group[verb](options);
        return [];
      case 'cut':
        this.group.cut(listOf(words[0]), listOf(words[1]));
        return [];
      case 'heal':
        this.group.heal();
        return [];
      case 'flights':
        return orNone(this.group.inFlight);
      case 'status':
        return table(this.group.all.map(statusOf));
      default:
        return this.onPeer(verb, words, options);
    }
  }

  private onPeer(verb: string, words: Arguments, options: Options): readonly string[] {
    const peer = this.group.peer(words[0]);
    switch (verb) {
      case 'seed':
        this.group.seed(peer, ...diskOf(options));
        return [];
      case 'crash':
      case 'start':
      case 'sync':
        this.group[verb](peer);
        return [];
      case 'hold':
        this.group.holdDisk(peer);
        return [];
      case 'release':
        this.group.releaseDisk(peer);
        return [];
      case 'snapshot':
        peer.takeSnapshot(Number(options['keep'] ?? 0));
        return [describeSnapshot(peer.disk.log.snapshot)];
      case 'history':
        return [peer.machine.history.join(' ') || '(none)'];
      default:
        return (
          this.group.touch(words[0], (raft) => this.onCore(raft, [verb, ...words], options)) ?? []
        );
    }
  }

  private onCore(raft: Raft, words: Arguments, options: Options): readonly string[] {
    const [verb, , ...rest] = words;
    switch (verb) {
      case 'tick':
        for (let tick = 0; tick < Number(rest[0] ?? 1); tick += 1) raft.tick();
        return [];
      case 'campaign':
        raft.campaign();
        return [];
      case 'propose':
        return [textOf(raft.propose(rest.map((text) => this.commandOf(text, options))))];
      case 'read':
        return rest.map((id) => textOf(raft.readIndex(Number(id) as ReadId)));
      case 'change': {
        const change = { kind: rest[0], peer: rest[1] as PeerId } as MembershipChange;
        return [textOf(raft.proposeMembership(change))];
      }
      case 'transfer':
        return [textOf(raft.transferLeadership(rest[0] as PeerId | undefined))];
      case 'unreachable':
        raft.reportUnreachable(rest[0] as PeerId);
        return [];
      default:
        return show(raft, verb ?? '');
    }
  }

  /** `text*count` makes the data that many times as long. */
  private commandOf(text: string, options: Options): Command {
    const [word = '', count = '1'] = text.split('*');
    this.sequence += 1;
    const sequence = Number(options['sequence'] ?? this.sequence);
    const session = {
      client: (options['client'] ?? 'c') as ClientId,
      sequence,
      floor: Number(options['floor'] ?? 1),
      since: Number(options['since'] ?? 0) as LogIndex,
    };
    return { data: new TextEncoder().encode(word.repeat(Number(count))), session };
  }
}

function show(raft: Raft, what: string): readonly string[] {
  switch (what) {
    case 'log': {
      const log = logOf(raft);
      const entries = log.entriesFrom(log.firstIndex, Infinity) ?? [];
      return [entries.map(describeEntry).join(' ') || '(none)'];
    }
    case 'progress':
      return table(
        raft.peers.map(({ id, state, match, next, isActive }) => {
          return [id, state, `match ${match}`, `next ${next}`, isActive ? 'active' : 'silent'];
        }),
      );
    case 'counters':
      return orNone(
        Object.entries(raft.counters)
          .filter(([, count]) => count > 0)
          .map(([name, count]: [string, number]) => `${name} ${count}`),
      );
    default:
      throw new Error(`there is no command ${what}`);
  }
}

function statusOf({ id, raft, machine }: SimPeer): readonly string[] {
  if (raft === undefined) return [id, 'down', '', '', '', ''];
  const { role, term, vote, leader, commit, lastIndex, membership } = raft;
  return [
    id,
    role,
    `term ${term}`,
    `vote ${vote ?? '-'} leader ${leader ?? '-'}`,
    `applied ${machine.applied} commit ${commit} last ${lastIndex}`,
    describeMembership(membership) + (raft.isMembershipPending ? ' pending' : ''),
  ];
}

function groupOptions(options: Options) {
  const membership: Membership = {
    voters: memberIds(listOf(options['voters'])),
    learners: memberIds(listOf(options['learners'])),
  };
  const limits = Object.entries(LIMITS).flatMap(([short, name]) =>
    options[short] === undefined ? [] : [[name, Number(options[short])] as const],
  );
  return {
    membership,
    others: memberIds(listOf(options['others'])),
    limits: Object.fromEntries(limits),
  };
}

/** `terms=1,1,2` of the entries from index 1 on, `term=` and `vote=` of the hard state. */
function diskOf(options: Options): [entries: ReturnType<typeof entry>[], hardState: HardState] {
  const entries = listOf(options['terms']).map((term, at) => entry(at + 1, Number(term)));
  const term = Number(options['term'] ?? entries.at(-1)?.term ?? 0) as Term;
  return [entries, { term, vote: options['vote'] as PeerId | undefined }];
}

/** `refused busy`, `appended index=4 term=1`. */
function textOf(outcome: { readonly kind: string }): string {
  const fields = Object.entries(outcome).filter(([name]) => name !== 'kind');
  return [
    outcome.kind,
    ...fields.map(([name, value]: [string, unknown]) => `${name}=${String(value)}`),
  ].join(' ');
}

function listOf(text: string | undefined): readonly string[] {
  return text === undefined || text === '' ? [] : text.split(',');
}

function orNone(lines: readonly string[]): readonly string[] {
  return lines.length > 0 ? lines : ['(none)'];
}
