/** `/healthz` and `/readyz`: whether the daemon works, and whether it takes anything. */

import type { Daemon } from '../parts.ts'

export function addProbes(daemon: Daemon): void {
  daemon.http.get('/healthz', async () => ({ status: 'ok' }))
  daemon.http.get('/readyz', async (_request, reply) => {
    const { broken } = daemon.current()
    const draining = daemon.draining()
    reply.code(draining ? 503 : 200)
    return {
      status: draining ? 'draining' : 'ready',
      reload_error: broken ? { message: broken.message, since: broken.since.toISOString() } : null,
    }
  })
}
