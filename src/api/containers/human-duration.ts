/**
 * Durations as Docker words them in `docker ps`: `Up 5 seconds`, `Exited (0) About a minute ago`.
 */

const SECOND = 1;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export function humanDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < MINUTE) return `${seconds} seconds`;
  const minutes = Math.floor(seconds / MINUTE);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.round(seconds / HOUR);
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  if (seconds < 14 * DAY) return `${Math.floor(seconds / DAY)} days`;
  if (seconds < 60 * DAY) return `${Math.floor(seconds / (7 * DAY))} weeks`;
  if (seconds < 730 * DAY) return `${Math.floor(seconds / (30 * DAY))} months`;
  return `${Math.floor(seconds / (365 * DAY))} years`;
}
