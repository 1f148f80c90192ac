/** What the documentation promises: its YAML is valid, its commands exist, the quickstart says what is printed, its links lead somewhere. */

import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { adapters } from '../adapters/index.ts'
import { buildProgram } from '../src/cli/program/program.ts'
import { program } from './e2e/program.ts'

const root = join(import.meta.dirname, '..')
const textOf = (name: string): string => readFileSync(join(root, name), 'utf8')
const readme = textOf('README.md')
const documents = ['.', 'examples', 'adapters', 'src', 'test', 'test/bench'].flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name)),
)

function blocks(language: string, name: string): readonly string[] {
  const block = new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms')
  return [...textOf(name).matchAll(block)].map(([, text]) => text ?? '')
}

/** A file of something else says so in its first line: `.github/…` or `….yml`. */
function policiesOf(name: string): readonly string[] {
  return blocks('yaml', name).filter((text) => !/^# (\.|\S+\.yml)/.test(text))
}

describe('every policy of the guides', () => {
  const policies = documents.flatMap((name) => policiesOf(name).map((text) => [name, text] as const))
  test.each(policies)('is valid: %s %#', async (_, text) => {
    const secrets = { MIRROR_PASSWORD: 'x', HUB_PASSWORD: 'x', HOOK_SECRET: 'x', QUEUE_PASSWORD: 'x' }
    const ended = await program(secrets).run(['policies', 'validate', '-'], { stdin: text })
    expect(ended).toMatchObject({ code: 0, stderr: '' })
  })
})

/** Parses a command line and runs nothing; the result is the path of the command that would run. */
async function parse(line: string): Promise<string> {
  let ran = ''
  const built = buildProgram(async () => {
    ran = line
  })
  const silence = (command: typeof built): void => {
    command.exitOverride().configureOutput({ writeOut: () => {}, writeErr: () => {}, outputError: () => {} })
    for (const child of command.commands) silence(child as typeof built)
  }
  silence(built)
  const words = [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c ?? '')
  const end = words.findIndex((word) => ['<', '>', '>>', '|'].includes(word))
  await built.parseAsync(words.slice(1, end < 0 ? undefined : end), { from: 'user' })
  return ran
}

async function helpOf(path: readonly string[]): Promise<readonly string[]> {
  const built = buildProgram(async () => {})
  let command = built
  for (const name of path)
    command = (command.commands.find((child) => child.name() === name) ?? command) as typeof built
  let help = ''
  command.configureOutput({ writeOut: (text) => (help += text) })
  command.outputHelp()
  const own = [...help.matchAll(/^ {2}\$ (replicate .*)$/gm)].map(([, line]) => line ?? '')
  // What begins so is for scripts.
  const shown = command.commands.filter((child) => !child.name().startsWith('__'))
  const below = await Promise.all(shown.map((child) => helpOf([...path, child.name()])))
  const isLeaf = command.commands.length === 0
  expect(!isLeaf || own.length > 0, `replicate ${path.join(' ')} --help has no example`).toBe(true)
  return [...own, ...below.flat()]
}

describe('every example', () => {
  test('of --help is a command that would run', async () => {
    const lines = await helpOf([])
    expect(lines.length).toBeGreaterThan(20)
    for (const line of lines) expect(await parse(line), line).toBe(line)
  })

  test('of the guides and of the examples is a command that would run', async () => {
    const examples = readdirSync(join(root, 'examples')).filter((name) => name.endsWith('.yaml'))
    const withoutOutput = (text: string): string =>
      text.replace(/^```console.*\n(?:.*\n)*?```$/gm, (block) => (block.match(/^\$ [^;\n]*/gm) ?? []).join('\n'))
    const texts = [...documents, ...examples.map((name) => join('examples', name))].map(textOf).map(withoutOutput)
    const lines = texts.flatMap((text) =>
      [...text.matchAll(/(?:^\$ (?:.* )?|`|^# {3})(replicate [a-z]+ [^`\n]*?)(?: {2,}.*| +\(or:.*)?(?:`|$)/gm)].map(
        ([, line]) => line ?? '',
      ),
    )
    expect(lines.length).toBeGreaterThan(15)
    for (const line of lines.filter((text) => !/[[|…]|SOURCE|SHELL|TOOL/.test(text)))
      expect(await parse(line), line).toBe(line)
  })
})

test('every command of the table exists', () => {
  const built = buildProgram(async () => {})
  const known = new Set(
    built.commands.flatMap((command) => [
      command.name(),
      ...command.commands.map((child) => `${command.name()} ${child.name()}`),
    ]),
  )
  const rows = [...readme.matchAll(/^\| `replicate ([a-z]+)(?: ([a-z]+))?[^`]*` \|/gm)]
  expect(rows.length).toBeGreaterThan(5)
  for (const [, first, second] of rows)
    expect([...known]).toContain(second === undefined ? first : `${first} ${second}`)
})

test('every registry type is in the table', () => {
  const [table = ''] = textOf('adapters/README.md').split('\n### ')
  const rows = [...table.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, type]) => type)
  for (const { identity } of adapters) expect(rows).toContain(identity)
})

/** What differs from run to run: times, rates, and which of the tasks that share a layer was first. */
function steady(text: string): string {
  const lines = text
    .replaceAll(/^(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d /gm, '')
    .replaceAll(/^(\+ .* {2}sha256:[0-9a-f]{12}) {2}.*$/gm, '$1')
    .split('\n')
  const tasks = lines.filter((line) => line.startsWith('+ ')).sort()
  return lines
    .map((line) => (line.startsWith('+ ') ? tasks.shift() : line))
    .join('\n')
    .replaceAll(/ +[\d.]+ \w+\/s$/gm, ' RATE')
    .replaceAll(/in [\d.]+ m?s$/gm, 'in TIME')
    .trim()
}

test('the quickstart prints what the README shows', async () => {
  const here = program()
  cpSync(join(root, 'examples'), join(here.directory, 'examples'), {
    recursive: true,
    filter: (path) => !path.includes('quickstart-copy'),
  })
  const shown = blocks('console', 'README.md').filter((block) => block.includes('npx replicate run examples/'))
  expect(shown).toHaveLength(1)
  for (const block of shown) {
    const output = block
      .split('\n')
      .filter((line) => !line.startsWith('$ '))
      .join('\n')
    const { code, stdout, stderr } = await here.run(['run', 'examples/quickstart.yaml'])
    expect(code).toBe(0)
    expect(steady(stderr + stdout)).toBe(steady(output))
  }
})

test('every message in the table of troubles is one of the program', () => {
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => textOf(join('src', path)))
    .join('\n')
  const rows = [...textOf('examples/reference.md').matchAll(/^\| (`.*?) \| /gm)].map(([, says]) => says ?? '')
  const troubles = rows.slice(rows.findIndex((row) => row.includes('connection refused')))
  const parts = troubles
    .flatMap((row) => row.match(/(?<=`)[^`]*[^`,\s][^`]*(?=`)/g) ?? [])
    .flatMap((message) => message.split('…').map((part) => part.trim()))
  expect(parts.length).toBeGreaterThan(15)
  expect(parts.filter((part) => !sources.includes(part))).toEqual([])
})

/** The anchor that a heading has on the page. */
function anchorsOf(text: string): readonly string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    (heading ?? '')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

test.each(documents)('the links of %s lead somewhere', (name) => {
  const links = [...textOf(name).matchAll(/\]\(([^)#:]*)(?:#([^)]*))?\)/g)]
  const dead = links.filter(([, path = '', anchor]) => {
    const file = join(root, path === '' ? name : join(dirname(name), path))
    return !existsSync(file) || (anchor !== undefined && !anchorsOf(readFileSync(file, 'utf8')).includes(anchor))
  })
  expect(dead.map(([link]) => link)).toEqual([])
})

test('the README is short', () => {
  expect(readme.split('\n').length).toBeLessThanOrEqual(178)
})

test('the map of the code names every folder', () => {
  const folders = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory())
  const map = textOf('src/README.md')
  for (const { name } of folders) expect(map).toContain(`\`${name}/\``)
})

test('the package has the examples, and not what they made', () => {
  const copy = join(root, 'examples', 'quickstart-copy')
  const made = !existsSync(copy)
  if (made) mkdirSync(copy)
  try {
    writeFileSync(join(copy, 'made'), '')
    const told = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: root,
      encoding: 'utf8',
    })
    const [packed] = JSON.parse(told) as readonly { readonly files: readonly { readonly path: string }[] }[]
    const paths = packed?.files.map(({ path }) => path) ?? []
    for (const path of [
      'LICENSE',
      ...documents,
      'bin/replicate.js',
      'examples/quickstart.yaml',
      'examples/quickstart/index.json',
    ])
      expect(paths).toContain(path)
    expect(paths.filter((path) => path.includes('quickstart-copy'))).toEqual([])
  } finally {
    rmSync(join(copy, 'made'))
    if (made) rmSync(copy, { recursive: true })
  }
})
