/** Tests of registries, written or not yet. */

import type { Registry } from '../../../../core/registry.ts'
import type { Daemon } from '../../../parts.ts'
import { record } from '../../record.ts'
import { type Api, callerOf, problems } from '../../route.ts'
import { nameParams, type PingAnswer, pingAnswer, triedRegistry } from '../../schema/definition.ts'
import { draftOf, named, PATH, tags, type Wanted } from './writing.ts'

export function addPings(app: Api, daemon: Daemon): void {
  const { desk } = daemon.program

  app.route({
    method: 'POST',
    url: `${PATH}/ping`,
    config: { role: 'admin' },
    schema: {
      tags,
      description: 'Tests one that is not written yet: address, certificate, credential, listing',
      body: triedRegistry,
      response: { 200: pingAnswer, ...problems(422) },
    },
    async handler(request) {
      const { name, ...wanted } = request.body
      const { configuration } = await draftOf(daemon, callerOf(request), name, desk.home, wanted)
      record(daemon, request, { verb: 'tested', noun: 'registry', name, detail: 'not written yet' })
      return pinged(configuration.registryOf(name), wanted, request.signal)
    },
  })

  app.route({
    method: 'POST',
    url: `${PATH}/:id/ping`,
    config: { role: 'operator' },
    schema: {
      tags,
      description: 'Tests it: address, certificate, credential, listing',
      params: nameParams,
      response: { 200: pingAnswer, ...problems(404, 422) },
    },
    async handler(request) {
      const one = named(daemon.current().configuration, request.params.id)
      return pinged(one, {}, request.signal)
    },
  })

  async function pinged(
    one: Registry,
    { credential, ca_pem }: Partial<Wanted>,
    signal: AbortSignal,
  ): Promise<PingAnswer> {
    const ctx = { signal: AbortSignal.any([signal, daemon.signal]), emit: () => {} }
    const steps = await desk.ping(one, { credential, ca: ca_pem }, ctx)
    const isOver = steps.every(({ ok }) => ok)
    const certificate = one.url === undefined ? undefined : await desk.certificate(one.url, ctx).catch(() => undefined)
    const redact = (text: string): string => daemon.program.redact(text)
    return {
      ok: isOver,
      steps: steps.map((step) => ({ ...step, detail: redact(step.detail) })),
      certificate: certificate ? { ...certificate, names: [...certificate.names] } : null,
    }
  }
}
