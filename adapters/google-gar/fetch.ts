/** A `fetch` for Google's library that has the proxy, the trust and the retries of the registry's own client. */

import { z } from 'zod'
import type { SignInTools } from '../../src/core/adapter.ts'

export type Fetch = (...args: Parameters<typeof fetch>) => Promise<Response>

/** The library knows one address for tokens; a key file may name another. */
const TOKENS = 'https://oauth2.googleapis.com'
const LIMIT = 1024 * 1024
const METHODS = z.enum(['GET', 'POST', 'PUT'])

/** Throws a `NetworkError` or `RegistryError` where no answer comes that the library could read. */
export function fetchThrough({ api, ctx }: SignInTools, tokenUri: string | undefined): Fetch {
  return async (input, init) => {
    const request = new Request(input, init)
    const asked = new URL(request.url)
    const { origin, pathname, search } = asked.origin === TOKENS && tokenUri ? new URL(tokenUri) : asked
    const http = api({ url: origin, name: 'google', credential: async () => ({ kind: 'anonymous', origin: 'none' }) })
    const headers = Object.fromEntries(request.headers)
    const method = METHODS.parse(request.method)
    const body = method === 'GET' ? {} : { body: new Uint8Array(await request.arrayBuffer()) }
    const url = `${pathname}${search}`
    const expect = [200, 201, 204, 400, 401, 403, 404]
    const response = await http.request({ method, url, headers, ...body, expect, whole: LIMIT }, ctx)
    const bytes = Buffer.from(await response.bytes(LIMIT))
    const type = response.headers['content-type'] ?? 'application/json'
    return new Response(bytes.byteLength > 0 ? bytes : null, {
      status: response.status,
      headers: { 'content-type': type },
    })
  }
}
