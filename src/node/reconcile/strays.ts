/** Namespaces of ours that no plan names any more, and those that an earlier agent left. */
import { messageOf, type Logger } from '../../base/index.ts';
import { isPlannedNamespace, type Kernel, type NamespaceName } from '../../dataplane/index.ts';

export class Strays {
  private readonly kernel: Kernel;
  private readonly logger: Logger;
  private readonly names = new Set<NamespaceName>();
  /** Namespaces that existed when the first plan came. */
  private inherited: Promise<readonly NamespaceName[]> | undefined;
  private hasInherited = false;

  constructor(kernel: Kernel, logger: Logger) {
    this.kernel = kernel;
    this.logger = logger;
  }

  /** Whether there is, or may be, something to delete. */
  get isPending(): boolean {
    return !this.hasInherited || this.names.size > 0;
  }

  get size(): number {
    return this.names.size;
  }

  /**
   * Lists what is there, the first time. Asked while the first plan is fresh: a namespace made
   * later may belong to a plan that is still to come.
   */
  inherit(): void {
    this.inherited ??= this.list();
  }

  add(name: NamespaceName): void {
    this.names.add(name);
  }

  /** It is wanted again. */
  spare(name: NamespaceName): void {
    this.names.delete(name);
  }

  /** Deletes them. Only in a complete plan is "not planned" the same as "not wanted". */
  async prune(isPlanned: (name: NamespaceName) => boolean): Promise<void> {
    if (!this.hasInherited) {
      for (const name of (await this.inherited) ?? [])
        if (isPlannedNamespace(name) && !isPlanned(name)) this.names.add(name);
      this.hasInherited = true;
    }
    for (const name of this.names) {
      try {
        await this.kernel.deleteNamespace(name);
        this.names.delete(name);
      } catch (error) {
        const fields = { namespace: name, error: messageOf(error) };
        this.logger.warn(fields, 'cannot delete a namespace; trying again');
      }
    }
  }

  private async list(): Promise<readonly NamespaceName[]> {
    try {
      return await this.kernel.namespaces();
    } catch (error) {
      const fields = { error: messageOf(error) };
      this.logger.warn(fields, 'cannot list namespaces; those left over stay');
      return [];
    }
  }
}
