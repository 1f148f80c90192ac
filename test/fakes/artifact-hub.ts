/** Artifact Hub's API as far as it is asked, with its habits: 404 in JSON below /api/v1 alone, pages for people everywhere else. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'

export interface HubPackage {
  readonly name: string
  readonly repository: { readonly name: string; readonly url: string }
  readonly deprecated?: boolean
}

export interface FakeHub {
  readonly url: string
  readonly asked: { readonly url: string; readonly authorization: string | undefined }[]
  close(): Promise<void>
}

export async function startArtifactHub(packages: readonly HubPackage[]): Promise<FakeHub> {
  const asked: FakeHub['asked'] = []
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://fake')
    asked.push({ url: url.pathname, authorization: request.headers.authorization })
    const answer = answerTo(url, packages)
    if (answer === undefined) {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Artifact Hub</html>')
      return
    }
    const { status, json } = answer
    const body = Buffer.from(JSON.stringify(json))
    const zipped = /gzip/.test(request.headers['accept-encoding'] ?? '')
    response.writeHead(status, {
      'content-type': 'application/json',
      'cache-control': 'max-age=3600',
      ...(zipped ? { 'content-encoding': 'gzip' } : {}),
    })
    response.end(zipped ? gzipSync(body) : body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function answerTo(
  { pathname, searchParams }: URL,
  packages: readonly HubPackage[],
): { readonly status: number; readonly json: unknown } | undefined {
  if (!pathname.startsWith('/api/v1/')) return undefined
  const [, repository, name] = /^\/api\/v1\/packages\/helm\/([^/]+)\/([^/]+)$/.exec(pathname) ?? []
  if (repository !== undefined) {
    const found = packages.find((one) => one.repository.name === repository && normalized(one.name) === name)
    return found ? { status: 200, json: described(found) } : { status: 404, json: { message: 'not found' } }
  }
  const listed = packages.filter(({ deprecated }) => !deprecated)
  if (pathname === '/api/v1/helm-exporter') return { status: 200, json: listed.map(described) }
  if (pathname === '/api/v1/packages/search') {
    const limit = Number(searchParams.get('limit') ?? 20)
    if (!(limit > 0 && limit <= 60)) return { status: 400, json: { message: 'invalid limit (0 < l <= 60)' } }
    return { status: 200, json: { packages: listed.slice(0, limit).map(described) } }
  }
  return { status: 404, json: { message: 'not found' } }
}

function described({ name, repository }: HubPackage): object {
  return { name, normalized_name: normalized(name), version: '1.0.0', repository: { ...repository, kind: 0 } }
}

function normalized(name: string): string {
  return name.toLowerCase().replaceAll(' ', '-')
}
