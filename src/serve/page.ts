/** Serves the page: its files as they were built, and nothing else. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { Daemon, Part } from './parts.ts'

/** From the sources and the bundle alike, or from what the compiler makes of this file. */
const PLACES = ['../../dist/page', '../../page']
/** Addresses of its screens. */
const SCREENS = [
  '/',
  '/executions/:id',
  '/policies',
  '/policies/:id',
  '/registries',
  '/registries/:id',
  '/schedule',
  '/workers',
  '/audit',
]

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  vary: 'accept-encoding',
}

/** The files hold a version of their own in their names. */
const FOREVER = 'public, max-age=31536000, immutable'

export async function startPage({ http, tell }: Daemon): Promise<Part> {
  const folder = PLACES.map((place) => fileURLToPath(new URL(place, import.meta.url))).find((path) =>
    existsSync(join(path, 'index.html')),
  )
  if (folder === undefined) {
    tell({ type: 'log', level: 'warning', text: 'the page is not there: it is made by `npm run build`' })
    return { ended: async () => {} }
  }
  await http.register(async (app) => {
    const add = (url: string, file: string, cache: string): void => {
      const plain = readFileSync(file)
      const zipped = gzipSync(plain, { level: 9 })
      const type = TYPES[extname(file)] ?? 'application/octet-stream'
      app.get(url, async (request, reply) => {
        reply.headers({ ...HEADERS, 'content-type': type, 'cache-control': cache })
        if (!/\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) return plain
        reply.header('content-encoding', 'gzip')
        return zipped
      })
    }
    for (const url of SCREENS) add(url, join(folder, 'index.html'), 'no-cache')
    for (const name of readdirSync(join(folder, 'assets')))
      add(`/assets/${name}`, join(folder, 'assets', name), FOREVER)
  })
  return { ended: async () => {} }
}
