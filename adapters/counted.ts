/** Lists whose pages are counted: by a number, or by how many items come before. */

import { malformedAnswer } from '../src/oci/registry/listing.ts'

export interface CountedPage<T> {
  readonly items: readonly T[]
  /** Of all items, where the page tells; else the page that is not full is the last one. */
  readonly total?: number | undefined
}

export interface CountedList<T> {
  /** How many items a page holds. */
  readonly size: number
  /** By which an item is known again on another page. */
  readonly key: (item: T) => unknown
  /** For messages: `tags of team/app`. */
  readonly what: string
  /** What is asked, for messages. */
  readonly path: string
  /** `page` counts from 1. */
  read(page: number): Promise<CountedPage<T>>
}

/** This many pages in a row without anything new are a circle. */
const MAX_STALE_PAGES = 5

/**
 * Each item of a list once. Ask for a stable order where there is one, so that what is added comes last. Where something was deleted
 * meanwhile, the page before is read again, since what followed has moved there.
 */
export async function* countedItems<T>({ size, key, what, path, read }: CountedList<T>): AsyncIterable<T> {
  const seen = new Set<unknown>()
  let total = Number.POSITIVE_INFINITY
  let stale = 0
  for (let page = 1; ; ) {
    const { items, total: told } = await read(page)
    const before = seen.size
    for (const item of items) {
      if (seen.has(key(item))) continue
      seen.add(key(item))
      yield item
    }
    stale = seen.size === before ? stale + 1 : 0
    if (stale > MAX_STALE_PAGES) throw malformedAnswer(what, path, 'its pages go round in a circle')
    const shrunk = page > 1 && told !== undefined && told < total
    const isLast = items.length === 0 || (told === undefined ? items.length < size : page * size >= told)
    if (told !== undefined) total = told
    if (isLast && !shrunk) return
    page += shrunk ? -1 : 1
  }
}
