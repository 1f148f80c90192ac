/** The tables of `README.md` name tests that are there, and its map names every folder and variable. That of all types of registry says what
 *  their definitions say; `UPDATE_TABLE=1` writes it. */

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { adapters } from '../adapters/index.ts'
import { capabilityTable } from './support/capabilities.ts'

const folder = import.meta.dirname
const readme = readFileSync(join(folder, 'README.md'), 'utf8')

/** The rows that no test holds yet, by what stands in their middle. A row that gets its test leaves this list. */
const NOT_YET: readonly string[] = []

interface Row {
  readonly what: string
  readonly tests: string
}

const rows: readonly Row[] = readme
  .slice(readme.indexOf('\n## Reports'))
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.endsWith('| test |'))
  .map((line) => {
    const [, what = '', tests = ''] = line.slice(2, -2).split(' | ')
    return { what, tests }
  })

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** True if `title` is a string of its own in `source`: the title of a test, or of a case of one. */
function holds(source: string, title: string): boolean {
  return new RegExp(`[(\\[\\s]['"\`]${escaped(title).replaceAll("'", "\\\\?'")}['"\`],`).test(source)
}

function complaints({ what, tests }: Row): readonly string[] {
  if (tests === 'not yet') return NOT_YET.includes(what) ? [] : [`not yet: ${what}`]
  return tests.split('<br>').flatMap((test) => {
    const [, file = '', title = ''] = /^`(\S+\.test\.ts)` › (.+)$/.exec(test) ?? []
    const path = join(folder, file)
    if (title === '' || !existsSync(path)) return [`no such file: ${test}`]
    return holds(readFileSync(path, 'utf8'), title) ? [] : [`no such test: ${test}`]
  })
}

describe('the tables', () => {
  test('name tests that are there', () => {
    expect(rows.length).toBeGreaterThan(80)
    expect(rows.flatMap(complaints)).toEqual([])
  })

  test('say "not yet" of no more than is known', () => {
    expect(rows.filter(({ tests }) => tests === 'not yet').map(({ what }) => what)).toEqual(NOT_YET)
  })

  test('are found out where they name a test that is not there', () => {
    const what = 'x'
    expect(complaints({ what, tests: '`table.test.ts` › name tests that are there' })).toEqual([])
    expect(complaints({ what, tests: '`table.test.ts` › name tests' })).toHaveLength(1)
    expect(complaints({ what, tests: '`no.test.ts` › name tests that are there' })).toHaveLength(1)
    expect(complaints({ what, tests: 'not yet' })).toHaveLength(1)
    expect(complaints({ what, tests: '' })).toHaveLength(1)
  })
})

describe('the map', () => {
  test('names every folder', () => {
    const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    expect(folders.map(({ name }) => name).filter((name) => !readme.includes(`\`${name}\``))).toEqual([])
  })

  test('names every variable that a test reads', () => {
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
    const read = files.flatMap((file) =>
      [
        ...readFileSync(join(folder, file), 'utf8').matchAll(
          /process\.env\.((?:REPLICATE_(?:TEST|PROPERTY)|FUZZ)_\w+)/g,
        ),
      ].map(([, name = '']) => name),
    )
    expect(read).toContain('FUZZ_SECONDS')
    expect([...new Set(read)].filter((name) => !readme.includes(`\`${name}`))).toEqual([])
  })
})

describe('the table of all types', () => {
  const path = join(folder, '../adapters/README.md')
  const text = readFileSync(path, 'utf8')
  // To its end, or the next section.
  const [, before = '', table = ''] = /^(.*\n## What each can\n.*?\n)((?:\|.*\n)+|TABLE\n)/s.exec(text) ?? []

  test('says what the definitions say', async () => {
    const told = await capabilityTable(adapters)
    if (process.env.UPDATE_TABLE === '1') {
      writeFileSync(path, `${before}${told}${text.slice(before.length + table.length)}`)
      return
    }
    expect(table, 'UPDATE_TABLE=1 writes it').toBe(told)
  })

  test('has a page for each, which says what is odd and what was run, with sources', () => {
    const pages = adapters.map(
      ({ identity }) => [identity, join(folder, '../adapters', identity, 'README.md')] as const,
    )
    const lacking = pages.filter(([, page]) => {
      const said = existsSync(page) ? readFileSync(page, 'utf8') : ''
      return !/\bOdd\b/i.test(said) || !/not run|checked/i.test(said) || !said.includes('https://')
    })
    expect(lacking.map(([identity]) => identity)).toEqual([])
  })

  test('says of each what it was checked against', () => {
    expect(adapters.filter(({ checked }) => !checked).map(({ identity }) => identity)).toEqual([])
  })
})
