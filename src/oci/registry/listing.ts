/** Lists names page by page (tags, the catalogue), whatever a server makes of `n`, `last` and `Link`. */

import { z } from 'zod'
import type { Context } from '../../core/context.ts'
import { ABSENT, isNotFound, NetworkError, RegistryError } from '../../core/errors.ts'
import { foreignName } from '../../core/foreign.ts'
import type { HttpClient } from '../../core/http.ts'
import { isRepositoryName, isTag } from '../../core/reference.ts'
import { doing } from './restate.ts'

export interface Listing {
  readonly http: HttpClient
  /** Below the registry's URL, without a query. */
  readonly path: string
  /** The field of the answer that holds the names. */
  readonly key: 'tags' | 'repositories'
  readonly scopes: readonly string[]
  /** The `n` to ask for. */
  readonly pageSize: number
  /** For messages: `tags of library/alpine`. */
  readonly what: string
}

/** A server without paging sends everything at once: a million tags take about 30 MB. */
const MAX_PAGE_SIZE = 64 * 1024 * 1024
/** This many pages in a row without a new name mean that the pages go in a circle. */
const MAX_STALE_PAGES = 100
/** Enough for ten million names at a hundred a page. */
const MAX_PAGES = 100_000
/** How many invalid names are reported one by one; the others are counted. */
const TOLD = 10
/** Of a link to the next page, in characters; every link is remembered, to recognize a circle. */
const MAX_LINK = 8192

/** Yields names page by page. Only the previous page is remembered, so memory stays flat: a name that is repeated on the next page is dropped, one
 *  that is repeated later is not. Invalid names are left out with a warning. Throws a `RegistryError` with status 404 only if the first page does
 *  not exist. */
export async function* listNames(listing: Listing, ctx: Context): AsyncIterable<string> {
  const isName = listing.key === 'tags' ? isTag : isRepositoryName
  let odd = 0
  for await (const name of allNames(listing, ctx)) {
    if (isName(name)) {
      yield name
      continue
    }
    odd += 1
    if (odd <= TOLD) warn(`${JSON.stringify(foreignName(name))} is not a valid name`)
  }
  if (odd > TOLD) warn(`${odd - TOLD} more names are not valid`)

  function warn(why: string): void {
    ctx.emit({ type: 'log', level: 'warning', text: `left out of the ${listing.what}: ${why}` })
  }
}

async function* allNames(listing: Listing, ctx: Context): AsyncIterable<string> {
  const first = await firstPage(listing, ctx)
  let page = first.page
  let previous: ReadonlySet<string> = new Set()
  let restarted = false
  let stale = 0
  const visited = new Set<string>()
  const order: Order = { ascending: true }
  /** After a restart: names up to and including this one were yielded before. */
  let seen: string | undefined
  for (;;) {
    const names = new Set(page.names)
    let fresh = 0
    for (const name of names) {
      if (previous.has(name)) continue
      fresh += 1
      if (seen !== undefined && name <= seen) continue
      follow(order, name)
      yield name
    }
    stale = fresh === 0 ? stale + 1 : 0
    const guess = page.next === undefined && fresh > 0 && page.names.length === first.size
    const next = guess ? `${listing.path}?${new URLSearchParams(lastOf(page, first.size))}` : page.next
    if (next === undefined) return
    if (visited.has(next) || stale > MAX_STALE_PAGES) throw circle(listing)
    if (next.length > MAX_LINK) throw malformed(listing, `its link to the next page has ${next.length} characters`)
    if (visited.size === MAX_PAGES) throw malformed(listing, `it has more than ${MAX_PAGES} pages`)
    visited.add(next)
    previous = names
    try {
      page = await readPage(listing, next, ctx)
    } catch (error) {
      // Without a `Link` the next page was a guess; a server that refuses it has no more pages.
      if (guess && error instanceof RegistryError && [400, ...ABSENT].includes(error.status)) return
      if (!isNotFound(error)) throw error
      // zot answers 404 if the tag that ended the previous page was deleted in the meantime.
      if (restarted || !order.ascending) throw brokenOff(listing, error)
      restarted = true
      seen = order.last
      previous = new Set()
      visited.clear()
      page = (await firstPage(listing, ctx).catch((again) => Promise.reject(brokenOff(listing, again)))).page
    }
  }
}

/** As long as names come in ascending order, all names up to the last one are known to have been seen. */
interface Order {
  ascending: boolean
  last?: string
}

function follow(order: Order, name: string): void {
  if (order.last !== undefined && name < order.last) order.ascending = false
  order.last = name
}

interface Page {
  readonly names: readonly string[]
  /** The URL of the next page. */
  readonly next: string | undefined
}

/** `size` is the `n` that the server accepted, or undefined if it refuses the parameter. */
async function firstPage(
  listing: Listing,
  ctx: Context,
): Promise<{ readonly page: Page; readonly size: number | undefined }> {
  try {
    return { page: await readPage(listing, `${listing.path}?n=${listing.pageSize}`, ctx), size: listing.pageSize }
  } catch (error) {
    if (!(error instanceof RegistryError) || error.status !== 400) throw error
    return { page: await readPage(listing, listing.path, ctx), size: undefined }
  }
}

function lastOf(page: Page, size: number | undefined): Record<string, string> {
  return { ...(size === undefined ? {} : { n: String(size) }), last: page.names.at(-1) ?? '' }
}

const NAMES = z.array(z.string()).nullish()
const PAGES = { tags: z.object({ tags: NAMES }), repositories: z.object({ repositories: NAMES }) } as const

async function readPage(listing: Listing, url: string, ctx: Context): Promise<Page> {
  const { http, key, scopes } = listing
  const headers = { accept: 'application/json' }
  const request = { method: 'GET', url, scopes, headers, whole: MAX_PAGE_SIZE } as const
  const response = await doing(`list the ${listing.what}`, http.request(request, ctx))
  const next = nextPage(http, response.url, response.headers.link)
  const parsed = PAGES[key].safeParse(await response.json(MAX_PAGE_SIZE))
  if (!parsed.success) throw malformed(listing, `its answer has no list of "${key}"`)
  const names = 'tags' in parsed.data ? parsed.data.tags : undefined
  const repositories = 'repositories' in parsed.data ? parsed.data.repositories : undefined
  return { names: names ?? repositories ?? [], next }
}

/** The URL of the page that `link` calls next, or undefined. Scheme and host are always the registry's own, because a registry behind a reverse
 *  proxy may not know them. If the link's path differs from the requested one only by a prefix, which a proxy has added or removed, the requested
 *  path is used with the link's query. */
export function nextPage(http: HttpClient, requestUrl: string, link: string | undefined): string | undefined {
  for (const [, target = '', parameters = ''] of (link ?? '').matchAll(/<([^>]*)>([^<]*)/g)) {
    const rel = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))/i.exec(parameters)
    const relations = (rel?.[1] ?? rel?.[2] ?? '').toLowerCase().split(/\s+/)
    if (!relations.includes('next') || !URL.canParse(target, requestUrl)) continue
    const { pathname, search } = new URL(target, requestUrl)
    const asked = new URL(requestUrl).pathname
    const prefix = prefixOf(http)
    const isSame = pathname.endsWith(asked.slice(prefix.length)) || asked.endsWith(pathname)
    const path = isSame ? asked : pathname
    return `${new URL(http.url).origin}${path.startsWith(`${prefix}/`) ? '' : prefix}${path}${search}`
  }
  return undefined
}

/** The path below which the registry is served, without a trailing slash. */
export function prefixOf(http: HttpClient): string {
  return new URL(http.url).pathname.replace(/\/$/, '')
}

/** The error for a list that cannot be understood; trying again would not help. */
export function malformedAnswer(what: string, path: string, why: string): RegistryError {
  return new RegistryError(`cannot list the ${what}: ${why}`, { status: 200, method: 'GET', path })
}

function malformed(listing: Listing, why: string): RegistryError {
  return malformedAnswer(listing.what, listing.path, why)
}

function circle(listing: Listing): RegistryError {
  return malformed(listing, 'its pages go round in a circle')
}

function brokenOff(listing: Listing, cause: unknown): unknown {
  // Not a 404, which would mean that the repository does not exist.
  if (!isNotFound(cause)) return cause
  return new NetworkError(`the list of ${listing.what} changed while it was read`, { cause })
}
