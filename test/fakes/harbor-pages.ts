/** The fake Harbor's pages: 10 unless asked otherwise, 100 at most, counted in a header, and linked with a decoded query. */

import type { Reply } from '../support/memory-registry.ts'
import { json } from '../support/memory-reply.ts'
import type { Ask } from './harbor-api.ts'
import { refused } from './harbor-state.ts'

/** `q=name=X` and `q=name=~X` are known; other keys are ignored, as there. */
export function listed<T>(
  { url, query, state }: Ask,
  all: readonly T[],
  nameOf: (item: T) => string,
  show: (item: T) => Readonly<Record<string, unknown>>,
): Reply {
  const size = Number(query.get('page_size') ?? 10)
  const page = state.looping ? 1 : Number(query.get('page') ?? 1)
  if (size > 100) {
    const message = 'validation failure list:\npage_size in query should be less than or equal to 100'
    throw refused(422, 'UNPROCESSABLE_ENTITY', message)
  }
  const q = query.get('q')
  if (q !== null && !q.includes('=')) throw refused(400, 'BAD_REQUEST', `invalid query: ${q}`)
  const [, fuzzy, wanted] = /^name=(~?)(.*)$/.exec(q ?? '') ?? []
  const found = all.filter((item) => {
    if (wanted === undefined) return true
    return fuzzy ? nameOf(item).includes(wanted) : nameOf(item) === wanted
  })
  const items = found.slice((page - 1) * size, page * size)
  const total = state.looping ? 1_000_000 : found.length
  const at = (number: number): string => {
    const next = new URL(url)
    next.searchParams.set('page', String(number))
    return `${next.pathname}?${decodeURIComponent(next.searchParams.toString())}`
  }
  const links = [
    ...(page > 1 ? [`<${at(page - 1)}>; rel="prev"`] : []),
    ...(page * size < total ? [`<${at(state.looping ? page : page + 1)}>; rel="next"`] : []),
  ]
  const headers = { 'x-total-count': String(total), ...(links.length > 0 ? { link: links.join(' , ') } : {}) }
  return json(200, items.map(show), headers)
}
