/** A newcomer's vendor: the two files that the guide shows, and their page, put where it says, pass what every adapter must pass. */

import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/temporary.ts'

const ROOT = join(import.meta.dirname, '../..')
const MODULES = join(ROOT, 'node_modules')
/** Some 40 files of tests and a type check of their own, beside those of others: only what hangs takes so long. */
const LIMIT = 1_800_000

const COPIED = [
  ...[
    'adapters',
    'bin',
    'examples',
    'src',
    'test',
    '.ci',
    'package.json',
    'tsconfig.json',
    'biome.json',
    'README.md',
    'LICENSE',
  ],
]
/** All tests that look at the list of adapters, and not at one of them. */
const GENERAL = [
  ...['test/table.test.ts', 'test/imports.test.ts', 'test/readme.test.ts', 'test/property/files.test.ts'],
  ...['test/app/reading.test.ts', 'test/config', 'test/cli/complete.test.ts', 'test/serve/hooks/unheard.test.ts'],
]
/** Tests of one adapter, and what is not a test. */
const ONE_OF_THEM = /^test\/(adapters|contract|support)\/|^test\/serve\/(daemon-double|no-looks)\.ts$/

interface Shown {
  readonly path: string
  readonly text: string
}

/** The files that the guide shows, which begin with their path, without the indentation of the list that they stand in. */
function shownFiles(): readonly Shown[] {
  const guide = readFileSync(join(ROOT, 'adapters/README.md'), 'utf8')
  const blocks = guide.matchAll(/^( *)```(?:ts|md)\n *(?:\/\/|<!--) (\S+\/\S+\.\w+)(?: -->)?\n(.*?)^ *```$/gms)
  return [...blocks].map(([, indent = '', path = '', lines = '']) => ({
    path,
    text: lines.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  }))
}

function changed(path: string, from: string, to: string): void {
  const before = readFileSync(path, 'utf8')
  expect(before).toContain(from)
  writeFileSync(
    path,
    before.replace(from, () => to),
  )
}

/** What a program says, and with which status it ends. */
async function ran(directory: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, args, {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOME: process.env.HOME, NO_COLOR: '1', ...env },
  })
  const [code, ...said] = await Promise.all([
    new Promise((resolve) => child.once('exit', resolve)),
    text(child.stdout),
    text(child.stderr),
  ])
  return { code, said: said.join('') }
}

/** What it said last is in the message. */
function endedWell({ code, said }: { readonly code: unknown; readonly said: string }): void {
  expect(code, said.slice(-3000)).toBe(0)
}

test('the tests that look at the list of adapters are known', () => {
  const list = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
  const looking = list
    .filter(
      (name) => name.endsWith('.ts') && readFileSync(join(ROOT, 'test', name), 'utf8').includes("adapters/index.ts'"),
    )
    .map((name) => `test/${name}`)
    .filter((path) => !ONE_OF_THEM.test(path) && !GENERAL.some((general) => path.startsWith(general)))
  expect(looking).toEqual([])
})

test('a made-up vendor by the guide alone passes the suite, the types, the rules, and all tests of the list of adapters', {
  timeout: LIMIT,
}, async () => {
  const files = shownFiles()
  expect(files.map(({ path }) => path)).toEqual([
    'adapters/example-registry/index.ts',
    'test/adapters/example-registry.test.ts',
    'adapters/example-registry/README.md',
  ])
  const code = files.filter(({ path }) => path.endsWith('.ts'))
  expect(code.flatMap(({ text }) => text.split('\n')).length).toBeLessThan(150)

  const tree = temporaryDirectory()
  for (const name of COPIED) {
    cpSync(join(ROOT, name), join(tree, name), { recursive: true })
  }
  symlinkSync(MODULES, join(tree, 'node_modules'))
  for (const { path, text } of files) {
    mkdirSync(dirname(join(tree, path)), { recursive: true })
    writeFileSync(join(tree, path), text)
  }
  // "Add it": a line in the list, with its import, and a row in the table.
  const list = join(tree, 'adapters/index.ts')
  changed(
    list,
    'import { githubGhcr }',
    "import { exampleRegistry } from './example-registry/index.ts'\nimport { githubGhcr }",
  )
  changed(list, '  zot,\n', '  zot,\n  exampleRegistry,\n')
  changed(
    join(tree, 'adapters/README.md'),
    '| `zot` | zot |',
    '| `example-registry` | the registry of example.com | |\n| `zot` | zot |',
  )
  // Without building the program, which none of these starts.
  writeFileSync(
    join(tree, 'vitest.config.ts'),
    "export default { test: { include: ['test/**/*.test.ts'], testTimeout: 180_000, hookTimeout: 180_000, maxWorkers: 1 } }\n",
  )

  const vitest = [join(MODULES, 'vitest/vitest.mjs'), 'run', '--reporter=dot']
  endedWell(await ran(tree, [...vitest, 'test/table.test.ts'], { UPDATE_TABLE: '1' }))
  const tests = ['test/adapters/example-registry.test.ts', ...GENERAL]
  const suite = await ran(tree, [...vitest, ...tests])
  endedWell(suite)
  expect(suite.said).not.toMatch(/failed|skipped/)
  const formed = await ran(tree, [
    join(MODULES, '@biomejs/biome/bin/biome'),
    'check',
    '--error-on-warnings',
    ...code.map(({ path }) => path),
  ])
  endedWell(formed)
  writeFileSync(
    join(tree, 'tsconfig.newcomer.json'),
    JSON.stringify({ extends: './tsconfig.json', include: ['adapters', ...code.map(({ path }) => path)] }),
  )
  endedWell(await ran(tree, [join(MODULES, 'typescript/bin/tsc'), '-p', 'tsconfig.newcomer.json']))
})
