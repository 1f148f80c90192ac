/** ChartMuseum's own configuration: the server that charts are to leave. Where to, the command line says. */

import { z } from 'zod'
import type { ConfigurationFile } from '../../source.ts'
import { type Draft, literal } from '../draft.ts'
import { below, readForeign } from '../foreign.ts'
import { namedTarget } from '../target.ts'
import { truth, whole } from '../values.ts'
import { chartRepository, environmentSecret } from './repository.ts'

const text = z.string().exactOptional()

/** The rest of it is about the server alone. */
const schema = z.looseObject({
  port: whole.exactOptional(),
  contextpath: text,
  depth: whole.exactOptional(),
  charturl: text,
  bearerauth: truth.exactOptional(),
  basicauth: z.looseObject({ user: text, pass: text }).exactOptional(),
  tls: z.looseObject({ cert: text, cacert: text }).exactOptional(),
})

export function importChartmuseum(file: ConfigurationFile, to: string | undefined, draft: Draft, cwd: string): void {
  const absent = 'the configuration of ChartMuseum does not say where its charts are to go'
  const { host, namespace } = namedTarget(to, absent, cwd)
  const { data, origin } = readForeign(file, schema, { format: 'ChartMuseum', cwd })
  const { port = 8080, contextpath = '', charturl, basicauth, tls } = data
  const own = `${tls?.cert === undefined ? 'http' : 'https'}://localhost:${port}/${contextpath.replace(/^\/+/, '')}`
  const secret = environmentSecret(basicauth?.pass)
  const registry = chartRepository(draft, 'chartmuseum', charturl ?? own, origin, (name) =>
    basicauth?.user !== undefined && secret
      ? { credential: draft.credential(name, literal(basicauth.user), secret, below(origin, 'basicauth')) }
      : {},
  )
  if (registry === undefined) return
  const on = ['registries', registry] as const
  if (charturl === undefined) {
    draft.note(
      origin,
      'the server knows its port, not its name',
      'write the name into `url`, where it is not this machine',
      on,
    )
  }
  if (data.depth) {
    const hint = 'name its tenants: `filters: { name: [org/repo/*] }` in the policy'
    draft.note(below(origin, 'depth'), 'the tenants of the server cannot be listed', hint, ['policies', 'charts'])
  }
  if (data.bearerauth) {
    const hint = `give it a token: replicate credentials set ${registry}`
    draft.note(below(origin, 'bearerauth'), 'the server asks for tokens', hint, on)
  }
  if (tls?.cacert !== undefined) {
    const hint = 'name those of a client: `client_cert`, `client_key`'
    draft.note(below(origin, 'tls', 'cacert'), 'the server asks for a client certificate', hint, on)
  }
  const target = [draft.registry(host, origin), ...namespace].join('/')
  draft.policy('charts', { source: registry, destination: target }, origin)
}
