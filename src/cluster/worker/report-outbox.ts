/**
 * Statuses of this node's tasks on their way to a manager: the newest of each task, until one took
 * it.
 */
import type { TaskId, TaskStatus } from '../../model/index.ts';
import { REPORT_STATUSES_MAX, STATUS_TEXT_MAX } from '../transport/index.ts';

export interface TaskReport {
  readonly id: TaskId;
  readonly status: TaskStatus;
}

export class ReportOutbox {
  private readonly waiting = new Map<TaskId, TaskStatus>();
  private inFlight: { readonly id: number; readonly reports: readonly TaskReport[] } | undefined;
  private lastId = 0;

  put(reports: readonly TaskReport[]): void {
    for (const { id, status } of reports) this.waiting.set(id, withinLimits(status));
  }

  /** What to send next; nothing while an answer is awaited. */
  next(): { readonly id: number; readonly reports: readonly TaskReport[] } | undefined {
    if (this.inFlight !== undefined || this.waiting.size === 0) return undefined;
    const reports: TaskReport[] = [];
    for (const [id, status] of this.waiting) {
      reports.push({ id, status });
      if (reports.length === REPORT_STATUSES_MAX) break;
    }
    this.lastId += 1;
    this.inFlight = { id: this.lastId, reports };
    return this.inFlight;
  }

  /** A manager's answer. What it took and nothing newer has replaced is done with. */
  answered(id: number, isTaken: boolean): void {
    if (this.inFlight?.id !== id) return;
    const { reports } = this.inFlight;
    this.inFlight = undefined;
    if (!isTaken) return;
    for (const report of reports)
      if (this.waiting.get(report.id) === report.status) this.waiting.delete(report.id);
  }

  /** The session ended: whatever was not answered is sent again. */
  reset(): void {
    this.inFlight = undefined;
  }
}

function withinLimits(status: TaskStatus): TaskStatus {
  const { error } = status;
  return {
    ...status,
    message: status.message.slice(0, STATUS_TEXT_MAX),
    ...(error !== undefined && { error: error.slice(0, STATUS_TEXT_MAX) }),
  };
}
