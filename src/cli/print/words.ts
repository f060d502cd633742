/** Numbers in docker's words. */

/** `5 seconds`, `About a minute`, `3 weeks`: what go-units calls a human duration. */
export function humanDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.floor(seconds / 60);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.floor(seconds / 3600 + 0.5);
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  return humanDays(hours);
}

function humanDays(hours: number): string {
  const days = Math.floor(hours / 24);
  if (days < 14) return `${days} days`;
  if (days < 60) return `${Math.floor(days / 7)} weeks`;
  if (days < 730) return `${Math.floor(days / 30)} months`;
  return `${Math.floor(days / 365)} years`;
}

const SIZE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** Three significant digits in powers of 1000: `4.26MB`. */
export function humanSize(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(SIZE_UNITS.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${Number((bytes / 1000 ** power).toPrecision(3))}${SIZE_UNITS[power] ?? ''}`;
}

/** `running` and when → `Running 5 seconds ago`. */
export function stateSince(state: string, timestamp: string, nowMs: number): string {
  const title = state.charAt(0).toUpperCase() + state.slice(1);
  const ms = Date.parse(timestamp);
  return Number.isNaN(ms) ? title : `${title} ${humanDuration(nowMs - ms).toLowerCase()} ago`;
}

/** Cut to `length` characters, the last being `…`. */
export function ellipsis(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

/** First twelve characters of an id, without its algorithm. */
export function shortId(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, 12);
}
