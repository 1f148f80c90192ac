/** Lists whose pages are counted: each item once, whatever happens to the list meanwhile, and an end to circles. */

import { expect, test } from 'vitest'
import { type CountedPage, countedItems } from '../../adapters/counted.ts'
import { collect } from '../contract/opened.ts'

/** Reads `pages` in the order of the requests, whatever page they ask for. */
function listed(read: (page: number) => CountedPage<string>): { readonly asked: number[]; all(): Promise<string[]> } {
  const asked: number[] = []
  const list = {
    ...{ size: 2, key: (item: string) => item, what: 'tags of team/app', path: '/tags' },
    async read(page: number) {
      asked.push(page)
      return read(page)
    },
  }
  return { asked, all: async () => [...(await collect(countedItems(list)))] }
}

const pageOf = (all: readonly string[], page: number): readonly string[] => all.slice((page - 1) * 2, page * 2)

test('reads to the total that a page tells, and asks for no page beyond', async () => {
  const all = ['a', 'b', 'c', 'd']
  const list = listed((page) => ({ items: pageOf(all, page), total: all.length }))
  expect(await list.all()).toEqual(all)
  expect(list.asked).toEqual([1, 2])
})

test('without a total the page that is not full is the last', async () => {
  const all = ['a', 'b', 'c']
  const list = listed((page) => ({ items: pageOf(all, page) }))
  expect(await list.all()).toEqual(all)
  expect(list.asked).toEqual([1, 2])
})

test('an empty list has one page', async () => {
  for (const total of [0, undefined]) {
    const list = listed(() => ({ items: [], total }))
    expect(await list.all()).toEqual([])
    expect(list.asked).toEqual([1])
  }
})

test('gives an item once that is added before, and so comes again on the next page', async () => {
  const all = ['b', 'c', 'd']
  const list = listed((page) => {
    if (page === 2) all.unshift('a')
    return { items: pageOf(all, page), total: all.length }
  })
  expect(await list.all()).toEqual(['b', 'c', 'd'])
})

test('reads a page again where something before it was deleted, so that nothing is missed', async () => {
  const all = ['a', 'b', 'c', 'd', 'e']
  let isDeleted = false
  const list = listed((page) => {
    if (page === 2 && !isDeleted) {
      isDeleted = true
      all.shift()
    }
    return { items: pageOf(all, page), total: all.length }
  })
  expect(await list.all()).toEqual(['a', 'b', 'd', 'e', 'c'])
  expect(list.asked).toEqual([1, 2, 1, 2])
})

test('pages that go round in a circle are an error', async () => {
  const list = listed(() => ({ items: ['a', 'b'], total: 1_000_000 }))
  await expect(list.all()).rejects.toThrow(/tags of team\/app.*circle/)
  expect(list.asked.length).toBeLessThan(10)
})
