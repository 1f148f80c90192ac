/** `replicate config import` and its options. */

import { type Command, Option } from 'commander'
import type { ImportFlags } from '../commands/import.ts'
import { example, type Start } from './command.ts'

const TOOLS: readonly ImportFlags['from'][] = [
  'regsync',
  'skopeo',
  'image-syncer',
  'dregsy',
  'harbor',
  'flux-mirror',
  'charts-syncer',
  'chartmuseum',
]

export function addImport(group: Command, start: Start): void {
  const command = group
    .command('import <file>')
    .description(
      "print another tool's file (- for standard input; of harbor what its API answers) as a configuration; what could not be taken over is listed on standard error",
    )
    .addOption(new Option('--from <tool>', 'whose file it is').choices(TOOLS).makeOptionMandatory())
    .option('--to <registry/namespace>', 'of skopeo and chartmuseum, whose files do not say: the destination')
    .option('--scoped', 'of skopeo: keep whole names, below that of their registry')
    .option('--auth <file>', 'of image-syncer: the file with its credentials')
    .action((file: string, flags: ImportFlags) =>
      start(command)(async (session) => (await import('../commands/import.ts')).importFile(session, file, flags)),
    )
  example(
    command,
    'replicate config import --from regsync regsync.yml > policies.yaml',
    'replicate config import --from skopeo --to registry.example.com/mirror sync.yml',
  )
}
