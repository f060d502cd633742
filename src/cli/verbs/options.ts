/** Options that many verbs share. */
import { Option } from 'commander';

/** For options that may be given several times. */
export function collect(value: string, earlier: readonly string[]): string[] {
  return [...earlier, value];
}

export const filterOption = (): Option =>
  new Option('-f, --filter <key=value>', 'only what matches; may repeat')
    .default([])
    .argParser(collect);

export const jsonOption = (): Option => new Option('--json', "the API's own documents, as JSON");

export const quietOption = (): Option => new Option('-q, --quiet', 'only ids');

export const formatOption = (): Option =>
  new Option('--format <template>', 'for example {{.ID}} or {{json .Spec}}');

/** What every `ls` takes. */
export interface ListOptions {
  readonly filter: readonly string[];
  readonly quiet?: boolean;
  readonly json?: boolean;
  readonly format?: string;
}
