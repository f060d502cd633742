import { messageOf } from '../../base/index.ts';
import type { Revision } from '../../model/index.ts';
import { FORMAT, KINDS, SnapshotError, VERSION, demand } from './format.ts';
import { Rebuild } from './rebuild.ts';

/** Rows taken over in one step: a few milliseconds. */
const STEP_ROWS = 128;
const LINE_FEED = 10;

interface Line {
  readonly kind?: unknown;
  readonly [field: string]: unknown;
}

/**
 * Steps that read a snapshot, of a few milliseconds each, and at their end what it says. Throws
 * `SnapshotError`.
 */
export function* readSnapshot(bytes: Uint8Array): Generator<void, Rebuild> {
  const reader = new Reader(bytes);
  try {
    return yield* reader.read();
  } catch (error) {
    if (error instanceof SnapshotError) throw error;
    throw new SnapshotError(
      { code: 'snapshot-malformed', line: reader.lines },
      `the store's snapshot cannot be read at line ${reader.lines}: ${messageOf(error)}`,
      error,
    );
  }
}

class Reader {
  /** Lines that were begun. */
  lines = 0;
  private readonly bytes: Uint8Array;
  private readonly decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  private at = 0;
  /** Position in `KINDS` of the last line's kind. */
  private order = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  *read(): Generator<void, Rebuild> {
    const rebuild = new Rebuild(this.readHead());
    for (;;) {
      const line = this.nextLine();
      if (line.kind === 'end') {
        this.checkEnd(line);
        return rebuild;
      }
      yield;
      yield* this.takeOver(line, rebuild);
    }
  }

  private readHead(): Revision {
    const { kind, format, version, revision } = this.nextLine();
    if (format === FORMAT && version !== VERSION)
      throw new SnapshotError(
        { code: 'snapshot-version', found: version, readable: VERSION },
        `the store's snapshot has version ${String(version)}; this program reads ${VERSION}`,
      );
    demand(kind === 'head' && format === FORMAT, 'a snapshot begins with its head');
    demand(Number.isSafeInteger(revision) && Number(revision) >= 0, 'a revision is a number');
    return revision as Revision;
  }

  private *takeOver(line: Line, rebuild: Rebuild): Generator<void, void> {
    const { rows, specs = [] } = line;
    const order = KINDS.findIndex((kind) => kind === line.kind);
    const kind = KINDS[order];
    demand(typeof line.kind === 'string', 'a line says what it holds');
    if (kind === undefined) return;
    demand(order >= this.order, 'lines come in their order');
    demand(Array.isArray(rows) && Array.isArray(specs), 'a line holds rows');
    this.order = order;
    rebuild.addSpecs(specs);
    for (const [index, row] of rows.entries()) {
      rebuild.add(kind, row);
      if (index % STEP_ROWS === STEP_ROWS - 1) yield;
    }
    yield;
  }

  private checkEnd({ lines }: Line): void {
    demand(lines === this.lines - 1, 'no line is missing');
    demand(this.at === this.bytes.length, 'nothing follows the end');
  }

  private nextLine(): Line {
    this.lines += 1;
    const end = this.bytes.indexOf(LINE_FEED, this.at);
    // What has no line feed is read as well, for the sake of the version in it.
    const stop = end < 0 ? this.bytes.length : end;
    const line: unknown = JSON.parse(this.decoder.decode(this.bytes.subarray(this.at, stop)));
    this.at = stop + 1;
    demand(typeof line === 'object' && line !== null, 'a line is an object');
    return line as Line;
  }
}
