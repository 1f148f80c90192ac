import { execFileSync } from 'node:child_process'
import { expect, onTestFinished, test } from 'vitest'
import { createLongLists, type LongList } from '../../src/history/scratch.ts'

interface Item {
  readonly name: string
}

function listOf(few: number): LongList<Item> {
  const lists = createLongLists(few)
  onTestFinished(() => lists.close())
  return lists.create<Item>()
}

test('items come in the order of their keys, and of their adding, whether there are few or many', () => {
  for (const few of [100, 3, 0]) {
    const list = listOf(few)
    for (const [key, name] of ['b1', 'a1', 'ä1', 'b2', 'a2', 'a3'].map((text) => [text.charAt(0), text])) {
      list.add(key ?? '', { name: name ?? '' })
    }
    const names = () => [...list.items()].map((item) => item.name)
    expect(names()).toEqual(['a1', 'a2', 'a3', 'b1', 'b2', 'ä1'])
    list.add('a', { name: 'a4' })
    expect(names()).toEqual(['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'ä1'])
  }
})

test('items of one key come together, whether there are few or many', () => {
  for (const few of [100, 3, 0]) {
    const list = listOf(few)
    for (const name of ['b1', 'a1', 'b2', 'a2', 'c1']) list.add(name.charAt(0), { name })
    expect([...list.byKey()].map((items) => items.map(({ name }) => name))).toEqual([
      ['a1', 'a2'],
      ['b1', 'b2'],
      ['c1'],
    ])
  }
})

test('few items are an array, many are not in memory', () => {
  const list = listOf(2)
  list.add('', { name: 'one' })
  list.add('', { name: 'two' })
  expect(list.items()).toEqual([{ name: 'one' }, { name: 'two' }])
  list.add('', { name: 'three' })
  expect(Array.isArray(list.items())).toBe(false)
})

test('more than is gathered at once comes back whole, also while it is read twice at a time', () => {
  const list = listOf(10)
  const long = 'x'.repeat(100)
  for (let at = 0; at < 50_000; at += 1) list.add(String(at % 7), { name: `${at} ${long}` })
  const [first, second] = [list.items()[Symbol.iterator](), list.items()[Symbol.iterator]()]
  const count = Array.from({ length: 7 }, () => 0)
  for (let at = 0; at < 50_000; at += 1) {
    const one: Item | undefined = first.next().value
    expect(second.next().value).toEqual(one)
    const number = Number.parseInt(one?.name ?? '', 10)
    // In order within each key.
    expect(number).toBe((count[number % 7] ?? 0) * 7 + (number % 7))
    count[number % 7] = (count[number % 7] ?? 0) + 1
  }
  expect(first.next().done).toBe(true)
})

test('a temporary directory that is not there stops nothing', () => {
  const code = `
    import { createLongLists } from ${JSON.stringify(new URL('../../src/history/scratch.ts', import.meta.url).href)}
    const list = createLongLists(0).create()
    list.add('', 'kept')
    process.stdout.write(String([...list.items()]))`
  const env = { ...process.env, TMPDIR: '/nonexistent', SQLITE_TMPDIR: '/nonexistent' }
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', code], { env, encoding: 'utf8' })
  expect(said).toBe('kept')
})
