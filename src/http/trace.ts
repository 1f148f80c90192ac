/** Tells of each request as it is answered, whatever sends it; for people who look for what goes wrong. */

import type { Clock } from '../core/cancel.ts'
import type { Context } from '../core/context.ts'
import type { HttpResponse } from '../core/http.ts'
import type { Outgoing } from './outgoing.ts'
import type { Transport } from './transport.ts'

/** `host`: of the address only the host, as the rest of it may be a secret. */
export type Trace = 'address' | 'host'

export interface TraceOptions {
  readonly trace: Trace
  readonly redact: (text: string) => string
  readonly clock: Clock
}

/** Parameters whose values are never a secret. Storages sign their links in ways too many to know, so all others are hidden. */
const OPEN: ReadonlySet<string> = new Set(
  'n last digest mount from origin service scope account client_id page page_size per_page limit offset q name ordering artifacttype tag detail with_tag with_label namespace public onlyactivetags type sort order package_type visibility'.split(
    ' ',
  ),
)

export function traced(transport: Transport, { trace, redact, clock }: TraceOptions): Transport {
  async function send(request: Outgoing): Promise<HttpResponse> {
    const began = clock.monotonic()
    const url = trace === 'host' ? `${request.url.origin}/***` : redact(openAddress(request.url))
    const { body } = request
    const sent = body instanceof Uint8Array ? body.byteLength : body?.size
    const tell = (end: { readonly status: number; readonly received?: number } | { readonly failure: string }): void =>
      request.emit?.({
        type: 'request',
        method: request.method,
        url,
        duration: clock.monotonic() - began,
        ...(sent === undefined ? {} : { sent }),
        ...end,
      })
    try {
      const response = await transport.send(request)
      const { status, headers } = response
      const length = Number(headers['content-length'] ?? Number.NaN)
      const hasBody = request.method !== 'HEAD' && Number.isFinite(length)
      tell({ status, ...(hasBody ? { received: length } : {}) })
      return response
    } catch (error) {
      tell({ failure: redact(error instanceof Error ? error.message : String(error)) })
      throw error
    }
  }
  return { send, close: () => transport.close() }
}

/** Numbers the attempts of one request; `attempt` says which one is under way. */
export function counting(ctx: Context, attempt: () => number): Context {
  return {
    ...ctx,
    emit: (event) => ctx.emit(event.type === 'request' ? { ...event, attempt: attempt() } : event),
  }
}

/** Without user, password, and the values of all parameters that are not known to be harmless. */
export function openAddress(url: URL): string {
  const open = new URL(url)
  open.username = ''
  open.password = ''
  const query = [...open.searchParams].map(([name, value]) => {
    const isOpen = OPEN.has(name.toLowerCase())
    return `${encodeURIComponent(name)}=${isOpen ? encodeURIComponent(value).replaceAll('%3A', ':').replaceAll('%2F', '/') : '***'}`
  })
  open.search = ''
  return `${open.href}${query.length > 0 ? '?' : ''}${query.join('&')}`
}
