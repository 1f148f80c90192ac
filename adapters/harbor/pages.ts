/** The lists of Harbor's API, page by page, also where what they hold changes meanwhile. */

import { z } from 'zod'
import type { Context } from '../../src/core/context.ts'
import type { HttpClient } from '../../src/core/http.ts'
import { malformedAnswer } from '../../src/oci/registry/listing.ts'
import { askJson } from '../../src/oci/registry/pages.ts'

export interface List<T> {
  readonly http: HttpClient
  /** With a query, without its page. */
  readonly url: string
  readonly form: z.ZodType<T>
  /** By which it is known again on another page. */
  readonly key: (item: T) => unknown
  /** For messages: `artifacts of library/alpine`. */
  readonly what: string
}

/** More are refused (422). */
const PAGE_SIZE = 100
/** So many pages one after another that hold nothing new are a circle. */
const MAX_STALE_PAGES = 5

/**
 * Each item once. Pages are counted: the `Link` header has a decoded query that cannot be sent again. Ask for a stable order (`sort=id`), so
 * that what is added comes last; where something was deleted meanwhile, the page before is read again, since what followed has moved there.
 */
export async function* itemsIn<T>({ http, url, form, key, what }: List<T>, ctx: Context): AsyncIterable<T> {
  const seen = new Set<unknown>()
  const items = z.array(form).nullish()
  let total = Number.POSITIVE_INFINITY
  let stale = 0
  for (let page = 1; ; ) {
    const request = {
      url: `${url}${url.includes('?') ? '&' : '?'}page=${page}&page_size=${PAGE_SIZE}`,
      headers: BY_NAME,
    }
    const { value, response } = await askJson(http, request, items, what, ctx)
    const found = value ?? []
    const before = seen.size
    for (const item of found) {
      if (seen.has(key(item))) continue
      seen.add(key(item))
      yield item
    }
    stale = seen.size === before ? stale + 1 : 0
    if (stale > MAX_STALE_PAGES) throw malformedAnswer(what, request.url, 'its pages go round in a circle')
    const told = Number(response.headers['x-total-count'] ?? Number.NaN)
    const shrunk = page > 1 && told < total
    const isLast = found.length === 0 || (Number.isNaN(told) ? found.length < PAGE_SIZE : page * PAGE_SIZE >= told)
    if (!Number.isNaN(told)) total = told
    if (isLast && !shrunk) return
    page += shrunk ? -1 : 1
  }
}

/** Else a project whose name is a number would be the one of that number. */
export const BY_NAME = { 'x-is-resource-name': 'true' } as const
