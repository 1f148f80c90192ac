/** Schemathesis, which makes requests of an OpenAPI document and holds the answers against it: found where it is installed. */

import { spawn } from 'node:child_process'
import { accessSync, constants, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

const PROGRAM = join(homedir(), '.local/share/replicate-test/schemathesis/bin/schemathesis')

export function missingSchemathesis(): readonly string[] {
  try {
    accessSync(PROGRAM, constants.X_OK)
    return []
  } catch {
    return ['schemathesis']
  }
}

export interface SchemathesisRun {
  /** Where the document is. */
  readonly url: string
  readonly token: string
  /** What paths name, by a regular expression of the path: `{'^/api/things': {id: 'first'}}`. */
  readonly named: Readonly<Record<string, Readonly<Record<string, string | number>>>>
  /** Which methods are tried. */
  readonly methods: { readonly only: readonly string[] } | { readonly without: readonly string[] }
  /** For its files, which it leaves. */
  readonly directory: string
  /** Cases of each operation, and where `seconds` is given as many more as that time allows. */
  readonly cases: number
  readonly seconds?: number | undefined
  readonly seed: number
}

/** No 500, no answer that the document does not describe; the result is what it prints, with its exit status. */
export async function schemathesis(run: SchemathesisRun): Promise<{ readonly code: number; readonly said: string }> {
  const file = join(run.directory, 'schemathesis.toml')
  writeFileSync(file, configuration(run))
  const { methods } = run
  const child = spawn(
    PROGRAM,
    [
      ...['--config-file', file, 'run', run.url, '--no-color', '--header', `Authorization: Bearer ${run.token}`],
      ...['--phases', 'examples,coverage,fuzzing', '--checks', CHECKS, '--request-timeout', '60'],
      ...('only' in methods
        ? methods.only.flatMap((method) => ['--include-method', method])
        : methods.without.flatMap((method) => ['--exclude-method', method])),
      ...['--max-examples', String(run.cases), '--seed', String(run.seed), '--suppress-health-check', 'all'],
      ...(run.seconds === undefined ? [] : ['--max-time', String(run.seconds)]),
    ],
    // It keeps examples of failures in its working directory.
    { cwd: run.directory, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const kill = (): void => void child.kill('SIGKILL')
  process.once('exit', kill)
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-100_000)
    })
  }
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status) => resolve(status ?? -1))
  })
  process.off('exit', kill)
  return { code, said }
}

const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
].join(',')

const METHODS = 'unexpected-methods = ["PATCH"]'

/** Of methods that the document does not have only one is tried: those that are left out are not. */
function configuration({ named }: SchemathesisRun): string {
  const operations = Object.entries(named).map(([path, values]) =>
    [
      '[[operations]]',
      `include-path-regex = ${JSON.stringify(path)}`,
      '[operations.parameters]',
      ...Object.entries(values).map(([name, value]) => `"path.${name}" = ${JSON.stringify(value)}`),
      '[operations.phases.coverage]',
      METHODS,
    ].join('\n'),
  )
  return `${[`[phases.coverage]\n${METHODS}`, ...operations].join('\n\n')}\n`
}
