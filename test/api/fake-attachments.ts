/** Attachments as an agent would have them, without a kernel or a cluster. */
import type { Backend } from '../../src/api/index.ts';
import type { AttachOptions, AttachmentStatus } from '../../src/node/index.ts';

export class FakeAttachments implements Required<Backend['attachments']> {
  readonly asked: AttachOptions[] = [];
  readonly detached: string[] = [];
  /** What the next call throws. */
  failure: Error | undefined;
  private readonly held: AttachmentStatus[] = [];

  async attach(asked: AttachOptions): Promise<AttachmentStatus> {
    if (this.failure !== undefined) throw this.failure;
    this.asked.push(asked);
    const attached = {
      taskId: 'attachment0000000000000001',
      name: asked.name ?? 'attachment00',
      path: asked.path,
      identity: '4:1',
      namespace: 'j-attachment00',
      link: 'hawser0',
      place: { networkId: 'network1', address: asked.address ?? '10.0.1.5', revision: 1 },
      networkName: asked.network,
      state: 'running',
    } as unknown as AttachmentStatus;
    this.held.push(attached);
    return attached;
  }

  async detach(reference: string): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    this.detached.push(reference);
  }

  list(): AttachmentStatus[] {
    return this.held;
  }
}
