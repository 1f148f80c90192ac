/** Follows the pages of a vendor's own API, and checks the form of its answers. */

import type { z } from 'zod'
import type { Context } from '../../core/context.ts'
import type { HttpClient, HttpRequest, HttpResponse } from '../../core/http.ts'
import { malformedAnswer } from './listing.ts'
import { doing } from './restate.ts'

export interface Page<T> {
  readonly items: readonly T[]
  /** The URL of the next page, or undefined where this is the last. */
  readonly next: string | undefined
}

/** The items of all pages in order. `what` is for messages: `tags of library/alpine`. Throws a `RegistryError` if the pages go in a circle. */
export async function* itemsOf<T>(
  first: string,
  read: (url: string) => Promise<Page<T>>,
  what: string,
): AsyncIterable<T> {
  const visited = new Set<string>()
  for (let url: string | undefined = first; url !== undefined; ) {
    if (visited.has(url)) throw malformedAnswer(what, pathOf(url), 'its pages go round in a circle')
    visited.add(url)
    const page: Page<T> = await read(url)
    yield* page.items
    url = page.next
  }
}

/** The largest page that is accepted, in bytes. */
const PAGE_SIZE = 64 * 1024 * 1024

/** Requests JSON and checks its form; `what` is for messages. Throws a `RegistryError` if the answer has another form. */
export async function askJson<T>(
  http: HttpClient,
  request: Pick<HttpRequest, 'url'> & Partial<HttpRequest>,
  form: z.ZodType<T>,
  what: string,
  ctx: Context,
): Promise<{ readonly value: T; readonly response: HttpResponse }> {
  const headers = { accept: 'application/json', ...request.headers }
  const sent = { method: 'GET', whole: PAGE_SIZE, ...request, headers } as const
  const response = await doing(`list the ${what}`, http.request(sent, ctx))
  const parsed = form.safeParse(await response.json(PAGE_SIZE))
  if (parsed.success) return { value: parsed.data, response }
  const [issue] = parsed.error.issues
  const place = issue?.path.length ? `${issue.path.join('.')}: ` : ''
  throw malformedAnswer(what, pathOf(request.url), `its answer has another form (${place}${issue?.message})`)
}

function pathOf(url: string): string {
  return url.replace(/^https?:\/\/[^/]*/, '')
}
