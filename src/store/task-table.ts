import type { NodeId, ServiceId, Task, TaskId } from '../model/index.ts';
import { KeyedIds, Table } from './table.ts';

/** Tasks, and which of them belong to a service or a node. */
export class TaskTable extends Table<TaskId, Task> {
  private readonly idsByService = new KeyedIds<ServiceId, TaskId>();
  private readonly idsByNode = new KeyedIds<NodeId, TaskId>();

  byService(id: ServiceId): readonly Task[] {
    return this.pick(this.idsByService.get(id));
  }

  byNode(id: NodeId): readonly Task[] {
    return this.pick(this.idsByNode.get(id));
  }

  protected override reindex(before: Task | undefined, after: Task | undefined): void {
    super.reindex(before, after);
    const id = (before ?? after)?.id;
    if (id === undefined) return;
    this.idsByService.move(id, before?.serviceId, after?.serviceId);
    this.idsByNode.move(id, before?.nodeId, after?.nodeId);
  }
}
