/** The API of ChartMuseum, and the dialect of it that Harbor up to 2.7 speaks.
 *
 *  https://github.com/helm/chartmuseum#api */

import { randomUUID } from 'node:crypto'
import type { Charts } from '../../src/charts/store/charts.ts'
import { type Held, hold } from '../../src/charts/store/held.ts'
import type { ChartServer } from '../../src/charts/store/writing.ts'
import type { Bytes } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { isNotFound, RegistryError, UnsupportedError } from '../../src/core/errors.ts'
import type { HttpClient, HttpRequest, HttpResponse } from '../../src/core/http.ts'
import { once } from '../../src/core/remembered.ts'
import { restated } from '../../src/oci/registry/restate.ts'

export interface Place {
  readonly url: string
  /** It is Harbor's: other paths, and its tenants are projects. */
  readonly isHarbor: boolean
}

/** The URL that a tenant's index is below. */
export function indexUrl({ url, isHarbor }: Place, tenant: string): string {
  return [url, ...(isHarbor ? ['chartrepo'] : []), ...(tenant === '' ? [] : [tenant])].join('/')
}

export function pullScope(tenant: string): string {
  return `artifact-repository:${tenant || 'repo'}:pull`
}

/** Below `charts` a tenant has its archives. The index of what is no tenant is refused there as a file of the wrong kind, with a 500, which would be
 *  repeated for minutes: it becomes the 404 that it is anywhere else. */
export function withoutArchives(http: HttpClient): HttpClient {
  return {
    ...http,
    async request(request, ctx) {
      if (!/\/charts\/(index\.yaml|health)$/.test(new URL(request.url).pathname)) return http.request(request, ctx)
      const response = await http.request({ ...request, expect: [...(request.expect ?? [200]), 500] }, ctx)
      if (response.status !== 500) return response
      const text = Buffer.from(await response.bytes(MOST_SAID)).toString()
      // Any other one is repeated, as ever.
      if (!text.includes(WRONG_KIND)) return http.request(request, ctx)
      const { method, url } = request
      throw new RegistryError(`500 (${WRONG_KIND})`, { status: 404, method, path: new URL(url).pathname })
    },
  }
}

const WRONG_KIND = 'unsupported file extension'
/** Bytes of a refusal. */
const MOST_SAID = 65_536

export function createServer(place: Place, tenant: string, http: HttpClient, charts: Charts): ChartServer {
  const scopes = [`artifact-repository:${tenant || 'repo'}:pull,push`]

  /** The tenant stands behind `/api`, and that behind the path which the server is served at. */
  const api = once(async (ctx: Context): Promise<string> => {
    const { origin, pathname } = new URL(place.url)
    const path = pathname.replace(/\/$/, '')
    if (place.isHarbor) return `${origin}${path}/api/chartrepo/${tenant}`
    const { contextPath } = await charts.index(ctx)
    const context = (contextPath ?? '').replace(/\/$/, '')
    const isBelow = path === context || path.startsWith(`${context}/`)
    const base = isBelow ? path.slice(context.length) : path
    const below = [base.slice(1), tenant].filter(Boolean).join('/')
    return `${origin}${isBelow ? context : ''}/api${below === '' ? '' : `/${below}`}`
  })

  function send(request: HttpRequest, ctx: Context): Promise<HttpResponse> {
    return http.request({ ...request, scopes, kind: request.body ? 'blob' : 'small' }, ctx)
  }

  async function post(path: string, body: Multipart, isOver: boolean, ctx: Context): Promise<boolean> {
    const url = `${await api(ctx)}/${path}${isOver ? '?force' : ''}`
    const headers = { 'content-type': `multipart/form-data; boundary=${body.boundary}` }
    try {
      const response = await send({ method: 'POST', url, headers, body, expect: [200, 201, 409] }, ctx)
      await response.discard()
      return response.status !== 409
    } catch (error) {
      throw explained(error)
    }
  }

  /** Whether the server has this very archive, read from its storage: the index may tell later. */
  async function hasArchive(file: string, archive: Held, ctx: Context): Promise<boolean> {
    const url = `${indexUrl(place, tenant)}/charts/${encodeURIComponent(file)}`
    const response = await http.request({ method: 'GET', url, scopes, isBlob: true, expect: [200, 404] }, ctx)
    if (response.status === 404) {
      await response.discard()
      return false
    }
    const held = await hold(response.body, archive.size, file).catch(() => undefined)
    held?.drop()
    return held?.digest === archive.digest
  }

  return {
    async push({ chart, version }, archive, provenance, isOver, ctx) {
      const file = `${chart}-${version}.tgz`
      const body = multipart(
        [
          { field: 'chart', file, content: archive },
          ...(provenance ? [{ field: 'prov', file: `${file}.prov`, content: provenance }] : []),
        ],
        ctx,
      )
      if (await post('charts', body, isOver, ctx)) return true
      // An attempt whose answer was lost has succeeded.
      if (await hasArchive(file, archive, ctx)) return true
      if (!isOver) return false
      throw new UnsupportedError(`the server does not let chart ${chart} ${version} be overwritten`, {
        hint: 'start it without --disable-force-overwrite, or set override: false',
      })
    },
    async pushProvenance({ chart, version }, provenance, ctx) {
      const file = `${chart}-${version}.tgz.prov`
      const body = multipart([{ field: 'prov', file, content: provenance }], ctx)
      if (!(await post('charts', body, false, ctx))) await post('charts', body, true, ctx)
    },
    async remove({ chart, version }, ctx) {
      const url = `${await api(ctx)}/charts/${encodeURIComponent(chart)}/${encodeURIComponent(version)}`
      try {
        await (await send({ method: 'DELETE', url }, ctx)).discard()
      } catch (error) {
        if (!isNotFound(error)) throw error
        // A server that does not allow it has no such route, and says so in these words.
        if (!error.message.includes('(not found)')) return
        throw new RegistryError('the server does not let charts be deleted', {
          cause: error,
          status: 405,
          method: 'DELETE',
          path: new URL(url).pathname,
          hint: 'start it without --disable-delete, or set `deletion: never`',
        })
      }
    },
  }
}

const HINTS: ReadonlyMap<number, string> = new Map([
  [404, 'its API is switched off (--disable-api), or the name has not as many parts as --depth says, and the chart'],
  [413, 'the archive is larger than --max-upload-size of the server allows'],
  [507, 'the tenant is full: --max-storage-objects of the server'],
])

function explained(error: unknown): unknown {
  if (!(error instanceof RegistryError)) return error
  const hint = HINTS.get(error.status)
  return hint === undefined ? error : restated(error, error.message, hint)
}

interface Part {
  readonly field: string
  readonly file: string
  readonly content: Held
}

interface Multipart {
  readonly boundary: string
  readonly size: number
  open(): Promise<Bytes>
}

function multipart(parts: readonly Part[], ctx: Context): Multipart {
  const boundary = `replicate-${randomUUID()}`
  const head = ({ field, file }: Part): Buffer =>
    Buffer.from(
      `--${boundary}\r\ncontent-disposition: form-data; name="${field}"; filename="${file}"\r\ncontent-type: application/octet-stream\r\n\r\n`,
    )
  const end = Buffer.from(`--${boundary}--\r\n`)
  const gap = Buffer.from('\r\n')
  async function* bytes(): Bytes {
    for (const part of parts) {
      yield head(part)
      yield* part.content.open(0, ctx)
      yield gap
    }
    yield end
  }
  const size = parts.reduce((sum, part) => sum + head(part).byteLength + part.content.size + gap.byteLength, 0)
  return { boundary, size: size + end.byteLength, open: async () => bytes() }
}
