/** `hawser image`: what tasks are started from. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { Command } from 'commander';
import { messageOf } from '../../base/index.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { filterQuery, withTag } from '../parse/words.ts';
import { humanDuration, humanSize, shortId } from '../print/words.ts';
import type { ImageDocument } from '../api/documents.ts';
import { printList } from '../api/listing.ts';
import {
  collect,
  filterOption,
  formatOption,
  jsonOption,
  quietOption,
  type ListOptions,
} from './options.ts';

interface ImportOptions {
  readonly change: readonly string[];
  readonly message?: string;
  readonly platform?: string;
}

export function imageCommand(context: CliContext): Command {
  const image = new Command('image').description('manage images');
  image
    .command('import')
    .description('make an image of a root file system in a tar file')
    .argument('<file>', 'tar file, or - for standard input')
    .argument('[reference]', 'name:tag of the image')
    .option('-c, --change <instruction>', 'Dockerfile instruction; may repeat', collect, [])
    .option('-m, --message <text>', 'message of the image’s history')
    .action((file: string, reference: string | undefined, options: ImportOptions) =>
      importImage(context, { file, reference, options }),
    );
  image
    .command('load')
    .description('load images that docker save or an OCI tool wrote')
    .option('-i, --input <file>', 'tar file; default standard input')
    .action((options: { input?: string }) => load(context, options.input));
  image
    .command('ls')
    .description('list images')
    .argument('[reference]', 'only this repository or name:tag')
    .addOption(filterOption())
    .addOption(quietOption())
    .addOption(jsonOption())
    .addOption(formatOption())
    .action((reference: string | undefined, options: ListOptions) =>
      list(context, reference, options),
    );
  image
    .command('inspect')
    .description('show everything about images')
    .argument('<image...>', 'id or name:tag')
    .addOption(formatOption())
    .action(async (names: string[], options: { format?: string }) => {
      const found = await Promise.all(names.map((name) => context.get(`/images/${name}/json`)));
      context.printInspected(found, options.format);
    });
  image
    .command('rm')
    .description('remove images')
    .argument('<image...>', 'id or name:tag')
    .option('-f, --force', 'even when containers use it')
    .action((names: string[], options: { force?: boolean }) => remove(context, names, options));
  return image;
}

async function openInput(context: CliContext, file: string): Promise<Readable> {
  if (file === '-') return context.terminal.stdin;
  try {
    const handle = await open(file);
    return createReadStream(file, { fd: handle });
  } catch (error) {
    throw new CliError({ code: 'failed' }, `cannot read ${file}: ${messageOf(error)}`);
  }
}

async function importImage(
  context: CliContext,
  what: { file: string; reference: string | undefined; options: ImportOptions },
): Promise<void> {
  const { file, reference, options } = what;
  const tagged = reference === undefined ? '' : withTag(reference);
  const colon = tagged.lastIndexOf(':');
  const query = new URLSearchParams({ fromSrc: '-' });
  if (tagged !== '') {
    query.set('repo', tagged.slice(0, colon));
    query.set('tag', tagged.slice(colon + 1));
  }
  if (options.message !== undefined) query.set('message', options.message);
  for (const change of options.change) query.append('changes', change);
  const answer = await context.client.text({
    method: 'POST',
    path: `/images/create?${query.toString()}`,
    stream: await openInput(context, file),
  });
  printProgress(context, answer);
}

async function load(context: CliContext, input: string | undefined): Promise<void> {
  const answer = await context.client.text({
    method: 'POST',
    path: '/images/load',
    query: { quiet: 1 },
    stream: await openInput(context, input ?? '-'),
  });
  printProgress(context, answer);
}

interface ProgressLine {
  readonly stream?: string;
  readonly status?: string;
  readonly error?: string;
}

/** Docker answers these in lines of JSON; an error may come after status 200. */
function printProgress(context: CliContext, answer: string): void {
  const lines = answer.split('\n').filter((line) => line.trim() !== '');
  for (const line of lines.map((text) => JSON.parse(text) as ProgressLine)) {
    if (line.error !== undefined) throw new CliError({ code: 'failed' }, line.error);
    const text = (line.stream ?? line.status ?? '').trimEnd();
    if (text !== '') context.print(text);
  }
}

async function list(
  context: CliContext,
  reference: string | undefined,
  options: ListOptions,
): Promise<void> {
  const filters = reference === undefined ? [] : [`reference=${reference}`];
  const query = filterQuery([...options.filter, ...filters]);
  const images = await context.get<ImageDocument[]>('/images/json', query);
  // One row per name, as docker prints them.
  const rows = images.flatMap((image) =>
    (image.RepoTags ?? ['<none>:<none>']).map((name) => ({ image, name })),
  );
  if (options.json === true || options.format !== undefined) {
    const listing = { header: [], id: ({ Id }: ImageDocument) => Id, row: () => [] };
    printList(context, images, { options, listing });
    return;
  }
  printList(context, rows, {
    options,
    listing: {
      header: ['REPOSITORY', 'TAG', 'IMAGE ID', 'CREATED', 'SIZE'],
      id: ({ image }) => shortId(image.Id),
      row: ({ image, name }) => [
        name.slice(0, name.lastIndexOf(':')),
        name.slice(name.lastIndexOf(':') + 1),
        shortId(image.Id),
        `${humanDuration(Date.now() - image.Created * 1000)} ago`,
        humanSize(image.Size),
      ],
    },
  });
}

async function remove(
  context: CliContext,
  names: readonly string[],
  options: { force?: boolean },
): Promise<void> {
  for (const name of names) {
    const removed = await context.send<{ Untagged?: string; Deleted?: string }[]>({
      method: 'DELETE',
      path: `/images/${name}`,
      query: { force: options.force === true },
    });
    for (const { Untagged, Deleted } of removed) {
      if (Untagged !== undefined) context.print(`Untagged: ${Untagged}`);
      if (Deleted !== undefined) context.print(`Deleted: ${Deleted}`);
    }
  }
}
