/** Several streams as one, in order of arrival, with room for a few items and no more. */

export interface Source<Item> {
  readonly items: AsyncIterable<Item>;
  /** Ends `items` soon, even while it waits. */
  cancel(): void;
}

const WAITING_MAX = 256;

/**
 * Yields what the sources yield, each pulled only as fast as the consumer reads. A source's failure
 * goes to `failed` and the others go on. Ends when all have ended, or at once when `signal` aborts;
 * then every source is cancelled.
 */
export async function* merged<Item>(
  sources: readonly Source<Item>[],
  options: {
    readonly signal: AbortSignal;
    readonly failed: (position: number, error: unknown) => void;
  },
): AsyncGenerator<Item, void, void> {
  const channel = new Channel<Item>(sources.length);
  const stop = (): void => channel.close();
  options.signal.addEventListener('abort', stop);
  if (options.signal.aborted) stop();
  for (const [position, source] of sources.entries()) {
    void pump(source, channel)
      .catch((error: unknown) => {
        if (!channel.isClosed) options.failed(position, error);
      })
      .finally(() => channel.writerEnded());
  }
  try {
    for (;;) {
      const item = await channel.take();
      if (item === undefined) return;
      yield item.value;
    }
  } finally {
    options.signal.removeEventListener('abort', stop);
    channel.close();
    for (const source of sources) source.cancel();
  }
}

async function pump<Item>(source: Source<Item>, channel: Channel<Item>): Promise<void> {
  for await (const item of source.items) if (!(await channel.tryPut(item))) return;
}

/** A bounded hand-over between writers and one reader. */
class Channel<Item> {
  isClosed = false;
  private writers: number;
  private waiting: { readonly value: Item }[] = [];
  private wakeReader: (() => void) | undefined;
  private wakeWriters: (() => void)[] = [];

  constructor(writers: number) {
    this.writers = writers;
  }

  /** Waits for room; false when nobody reads any more. */
  async tryPut(value: Item): Promise<boolean> {
    while (!this.isClosed && this.waiting.length >= WAITING_MAX)
      await new Promise<void>((resolve) => this.wakeWriters.push(resolve));
    if (this.isClosed) return false;
    this.waiting.push({ value });
    this.wakeReader?.();
    return true;
  }

  /** Undefined when there will be no more. */
  async take(): Promise<{ readonly value: Item } | undefined> {
    while (this.waiting.length === 0 && this.writers > 0 && !this.isClosed)
      await new Promise<void>((resolve) => (this.wakeReader = resolve));
    this.wakeReader = undefined;
    const item = this.isClosed ? undefined : this.waiting.shift();
    for (const wake of this.wakeWriters.splice(0)) wake();
    return item;
  }

  writerEnded(): void {
    this.writers -= 1;
    this.wakeReader?.();
  }

  close(): void {
    this.isClosed = true;
    this.wakeReader?.();
    for (const wake of this.wakeWriters.splice(0)) wake();
  }
}
