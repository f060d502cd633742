/** What clients asked and were told, object by object, and whether that can be. */
import { violated } from '../engine/violation.ts';
import { checkLinearizable, type Model, type Operation } from './linearizable.ts';

/** A named object is there under an id of its own, with the tag of its last write; or it is not. */
export type ObjectState = { readonly id: string; readonly tag: string } | 'absent';

export type ObjectOp =
  | {
      readonly kind: 'create';
      readonly id: string;
      readonly tag: string;
      /** `unknown` while nothing was heard. */
      readonly result: 'ok' | 'taken' | 'refused' | 'unknown';
    }
  | {
      readonly kind: 'update';
      readonly id: string;
      /** The tag that was read before, and must still be there. */
      readonly expected: string;
      readonly tag: string;
      readonly result: 'ok' | 'stale' | 'gone' | 'refused' | 'unknown';
    }
  | {
      readonly kind: 'remove';
      readonly id: string;
      readonly result: 'ok' | 'gone' | 'refused' | 'unknown';
    }
  | { readonly kind: 'read'; readonly found: ObjectState };

/** The store's rules for one name, as a client sees them. */
export const OBJECT_MODEL: Model<ObjectState, ObjectOp> = {
  initial: 'absent',
  textOf: (state) => (state === 'absent' ? '' : `${state.id} ${state.tag}`),
  step(state, op) {
    switch (op.kind) {
      case 'create':
        return afterCreate(state, op);
      case 'update':
        return afterUpdate(state, op);
      case 'remove':
        return afterRemove(state, op);
      case 'read':
        return OBJECT_MODEL.textOf(state) === OBJECT_MODEL.textOf(op.found) ? state : undefined;
    }
  },
};

function afterCreate(
  state: ObjectState,
  { id, tag, result }: Extract<ObjectOp, { kind: 'create' }>,
): ObjectState | undefined {
  const isAbsent = state === 'absent';
  if (result === 'taken') return isAbsent ? undefined : state;
  if (result === 'refused') return isAbsent ? state : undefined;
  if (isAbsent) return { id, tag };
  return result === 'unknown' ? state : undefined;
}

function afterUpdate(
  state: ObjectState,
  { id, expected, tag, result }: Extract<ObjectOp, { kind: 'update' }>,
): ObjectState | undefined {
  const isThere = state !== 'absent' && state.id === id;
  const isCurrent = isThere && state.tag === expected;
  switch (result) {
    case 'ok':
      return isCurrent ? { id, tag } : undefined;
    case 'stale':
      return isThere && !isCurrent ? state : undefined;
    case 'gone':
      return isThere ? undefined : state;
    case 'refused':
      return isCurrent ? state : undefined;
    case 'unknown':
      return isCurrent ? { id, tag } : state;
  }
}

function afterRemove(
  state: ObjectState,
  { id, result }: Extract<ObjectOp, { kind: 'remove' }>,
): ObjectState | undefined {
  const isThere = state !== 'absent' && state.id === id;
  if (result === 'gone') return isThere ? undefined : state;
  if (result === 'refused') return isThere ? state : undefined;
  if (isThere) return 'absent';
  return result === 'unknown' ? state : undefined;
}

/** An operation that was called, until it is answered. */
export interface Call {
  /** Told once; never for an operation of which nothing was heard. */
  returned(op: ObjectOp): void;
  /** Known not to have happened. */
  forget(): void;
}

export class History {
  private readonly objects = new Map<string, Operation<ObjectOp>[]>();
  private order = 0;
  operations = 0;
  /** Histories for which the search was given up. */
  undecided = 0;

  call(object: string, op: ObjectOp): Call {
    const history = this.objects.get(object) ?? [];
    this.objects.set(object, history);
    this.order += 1;
    this.operations += 1;
    const calledAt = this.order;
    const entry: Operation<ObjectOp> = { op, calledAt, returnedAt: undefined };
    history.push(entry);
    return {
      returned: (answered) => {
        this.order += 1;
        history[history.indexOf(entry)] = { op: answered, calledAt, returnedAt: this.order };
      },
      forget: () => void history.splice(history.indexOf(entry), 1),
    };
  }

  check(): void {
    for (const [object, history] of this.objects) {
      const verdict = checkLinearizable(OBJECT_MODEL, history);
      if (verdict === 'undecided') this.undecided += 1;
      if (verdict !== 'impossible') continue;
      const lines = history.map(({ op, calledAt, returnedAt }) => {
        return `  [${calledAt}, ${returnedAt ?? 'open'}] ${JSON.stringify(op)}`;
      });
      const text = `no order explains what clients saw of ${object}:\n${lines.join('\n')}`;
      violated('linearizability', text);
    }
  }
}
