/**
 * cluster/worker: a node's side of the cluster, managers' own nodes included. Joins, stays in
 * session, keeps the view it was told, repeats its reports until taken. Start with `attendance.ts`.
 */
export { Attendance, type AttendanceState } from './attendance.ts';
export { dialManager, joinThrough } from './dial.ts';
export { HeldView, removeHeldView } from './held-view.ts';
export type { Connection, Welcome } from './manager-session.ts';
