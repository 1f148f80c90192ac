/** Every command of the guides is typed into a shell, and prints what the guide shows. Where it shows nothing, anything may be printed.
 *  `UPDATE_GUIDES=1` writes into a guide what was printed instead, also where it has a line `?`. */

import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { pathOfTool } from '../support/tools.ts'
import { type ConsoleBlock, readGuide } from './blocks.ts'
import { type } from './session.ts'
import { isShown } from './steady.ts'
import { startWorld } from './world.ts'

const root = join(import.meta.dirname, '..', '..')
const guides = ['.', 'examples', 'adapters', 'src', 'test/bench']
  .flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(folder, name)))
  .filter((name) => name.endsWith('.md'))
  .map((name) => ({ name, ...readGuide(join(root, name)) }))

/** What a reader of a section has done before. */
const BEFORE: Readonly<Record<string, readonly string[]>> = {
  'Manage policies': [
    'replicate registries add hub --url https://hub.example.com --username ann --password-env HUB_PASSWORD',
    'replicate registries add mirror --url https://mirror.example.com --username bob --password-env MIRROR_PASSWORD',
  ],
}

/** What the README's policy is called in the text of the guides. */
const POLICY = /```yaml\n((?:.*\n)*?)```/.exec(guides[0]?.text ?? '')?.[1] ?? ''

/** `npm` is for a clone: `.ci/run` and the tests of the package run it. */
const isOfNpm = (line: string): boolean => line.split(' && ').every((part) => part.startsWith('npm '))
const typedOf = (line: string): string => line.replace(/^npm ci && (?=npx )/, '')

test('every block is of a kind that a test reads', () => {
  const fences = guides.flatMap(({ name, text }) =>
    [...text.matchAll(/^( *)```(.*)\n([\s\S]*?)^ *```$/gm)].map(([, indent, info = '', body = '']) => ({
      name,
      isIndented: indent !== '',
      info,
      body,
    })),
  )
  expect(fences.length).toBeGreaterThan(20)
  const unread = fences.filter(
    ({ isIndented, info, body }) =>
      !/^(console( asks| not run: .+)?|yaml|ts|md|)$/.test(info) ||
      (info.startsWith('console') ? isIndented : /^ *\$ /m.test(body)),
  )
  expect(unread).toEqual([])
})

test('a block that is not run says why', () => {
  const notRun = guides.flatMap(({ name, blocks }) =>
    blocks.filter((block) => block.notRun !== undefined).map((block) => `${name}: ${block.notRun}`),
  )
  expect(notRun).toEqual([])
})

const updated = new Map<string, { readonly block: ConsoleBlock; readonly text: string }[]>()
afterAll(() => {
  for (const [name, blocks] of updated) {
    let { text } = readGuide(join(root, name))
    for (const { block, text: printed } of blocks.toSorted((a, b) => b.block.start - a.block.start))
      text = text.slice(0, block.start) + printed + text.slice(block.end)
    writeFileSync(join(root, name), text)
  }
})

describe.each(guides.filter(({ blocks }) => blocks.length > 0))('$name', ({ name, blocks, files }) => {
  const sections = Map.groupBy(
    blocks.filter(({ notRun, asks }) => notRun === undefined && !asks),
    ({ section }) => section,
  )
  const needsMuseum = (run: readonly ConsoleBlock[]): boolean =>
    run.some(({ commands }) => commands.some(({ line }) => line.includes('--from chartmuseum')))
  const isMissing = pathOfTool('chartmuseum') === undefined
  const [lacking = [], able = []] = [true, false].map((is) =>
    [...sections].filter(([, run]) => (isMissing && needsMuseum(run)) === is),
  )
  test.skip.each(lacking)('%s needs chartmuseum', () => {})
  test.each(able)('%s', async (section, run) => {
    const world = await startWorld({ museum: needsMuseum(run) })
    const shown = run.flatMap((block) => block.commands.map((command) => ({ command, ...command })))
    const typed = shown.filter(({ line }) => !isOfNpm(line))
    if (typed.length === 0) return world.close()
    const own = files.filter((file) => file.section === section).map((file) => [file.name, file.text] as const)
    const before = BEFORE[section] ?? []
    const all = await type([...before, ...typed.map(({ line }) => typedOf(line))], {
      env: { ...SECRETS, ...world.env },
      files: { 'policy.yaml': POLICY, ...Object.fromEntries(own) },
    }).finally(() => world.close())
    const printed = all.slice(before.length)
    expect(all.slice(0, before.length).filter(({ status }) => status !== 0)).toEqual([])

    const ended = typed.map((one, at) => ({ ...one, next: typed[at + 1]?.line, ...(printed[at] ?? NOTHING) }))
    const isFailed = ({ status, next = '' }: (typeof ended)[number]): boolean =>
      status !== 0 && !/^echo .*\$\?/.test(next)
    expect(ended.filter(isFailed)).toEqual([])
    const wrong = ended.filter(({ output, said }) => output !== '' && !isShown(output, said))
    if (process.env.UPDATE_GUIDES !== '1')
      return expect(wrong, 'UPDATE_GUIDES=1 writes what is printed into the guide').toEqual([])
    const saidBy = new Map(wrong.map(({ command, said }) => [command, said.trimEnd()]))
    for (const block of run) {
      const text = block.commands
        .map((command) => [`$ ${command.line}`, saidBy.get(command) ?? command.output])
        .flatMap((lines) => lines.filter((part) => part !== ''))
      updated.set(name, [...(updated.get(name) ?? []), { block, text: `${text.join('\n')}\n` }])
    }
  })
})

/** Of a command that was never reached. */
const NOTHING = { said: '', status: -1 }

const SECRETS = {
  OLD_PASSWORD: 'old',
  NEW_PASSWORD: 'new',
  MIRROR_PASSWORD: 'to',
  HUB_PASSWORD: 'from',
}
