/** `/healthz` and `/readyz`: whether the daemon works, and whether it takes anything. */

import type { Daemon } from '../parts.ts'

/** `trouble` says why the history cannot be written, where it cannot. */
export function addProbes({ http, current, draining }: Daemon, trouble: () => string | undefined): void {
  http.get('/healthz', async (_request, reply) => {
    const history = trouble()
    reply.code(history === undefined ? 200 : 503)
    return history === undefined ? { status: 'ok' } : { status: 'failing', history }
  })
  http.get('/readyz', async (_request, reply) => {
    const { broken } = current()
    const history = trouble()
    const status = draining() ? 'draining' : history === undefined ? 'ready' : 'failing'
    reply.code(status === 'ready' ? 200 : 503)
    return {
      status,
      ...(history === undefined ? {} : { history }),
      reload_error: broken ? { message: broken.message, since: broken.since.toISOString() } : null,
    }
  })
}
