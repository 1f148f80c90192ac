/** A web server with a chart repository, which any of its files can be taken from or changed in; it remembers each request. */

import { createHash } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Asked {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly status: number
}

export interface FakeRepository {
  /** With the path that the repository is at, `/charts`. */
  readonly url: string
  readonly host: string
  /** By name below the repository: `index.yaml`, `demo-1.0.0.tgz`. A function answers by itself. */
  readonly files: Map<string, Buffer | Answer>
  readonly asked: Asked[]
  /** `METHOD name` of all requests, in order. */
  said(): readonly string[]
  close(): Promise<void>
}

export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

export interface FakeOptions {
  /** `user:password`, which every request must carry. */
  readonly credential?: string
  /** false: no ETag, as ChartMuseum. */
  readonly etags?: false
  /** A query that every request must carry. */
  readonly query?: string
  /** What the answer for a file waits for. */
  readonly hold?: (name: string) => Promise<void> | undefined
}

export async function startHelmHttp(options: FakeOptions = {}): Promise<FakeRepository> {
  const files: FakeRepository['files'] = new Map()
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request
    const path = new URL(url, 'http://fake')
    const name = decodeURIComponent(path.pathname.replace(/^\/charts\//, ''))
    const answer = answerTo(headers, path, files.get(name), options)
    asked.push({ method, url, headers, status: answer.status })
    const send = (): void => {
      response.writeHead(answer.status, answer.headers)
      response.end(answer.body)
    }
    const held = options.hold?.(name)
    if (held) void held.then(send)
    else send()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: `http://${host}/charts`,
    host,
    files,
    asked,
    said: () => asked.map(({ method, url }) => `${method} ${url.replace(/^\/charts\//, '')}`),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function answerTo(
  headers: IncomingHttpHeaders,
  { search }: URL,
  file: Buffer | Answer | undefined,
  { credential, etags, query }: FakeOptions,
): Answer {
  const wanted = credential === undefined ? undefined : `Basic ${Buffer.from(credential).toString('base64')}`
  if (wanted !== undefined && headers.authorization !== wanted) {
    return { status: 401, headers: { 'www-authenticate': 'Basic realm="charts"' } }
  }
  if (query !== undefined && search !== `?${query}`) return { status: 403 }
  if (file === undefined) return { status: 404, body: 'not found' }
  if (!Buffer.isBuffer(file)) return file
  const etag = `"${createHash('sha256').update(file).digest('hex').slice(0, 16)}"`
  const tagged = etags === false ? {} : { etag }
  if (etags !== false && headers['if-none-match'] === etag) return { status: 304, headers: tagged }
  return { status: 200, headers: { ...tagged, 'content-length': String(file.byteLength) }, body: file }
}
