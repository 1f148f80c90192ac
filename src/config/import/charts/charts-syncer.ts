/** charts-syncer: charts of one repository that go to another, with the images that they name. */

import { z } from 'zod'
import type { ConfigurationFile } from '../../source.ts'
import { destinationOf, given } from '../copies.ts'
import { type Draft, literal, type PlainMapping } from '../draft.ts'
import { below, type Origin, readForeign } from '../foreign.ts'
import { knownHost } from '../image-name.ts'
import { noteUnknown, noteWithout, type Without } from '../unknown.ts'
import { texts, truth } from '../values.ts'
import { chartRepository, environmentSecret } from './repository.ts'

const text = z.string().exactOptional()

const auth = z.strictObject({ username: text, password: text, registry: text }).exactOptional()

const repo = z.strictObject({
  kind: z.enum(['HELM', 'CHARTMUSEUM', 'HARBOR', 'OCI', 'LOCAL']),
  url: text,
  path: text,
  auth,
  chartsIndex: text,
  useChartsIndex: truth.exactOptional(),
  disableChartsIndex: truth.exactOptional(),
})

const containers = z.strictObject({ url: text, auth }).exactOptional()

const side = {
  repo: repo.exactOptional(),
  intermediateBundlesPath: text,
  containers,
  containerAuth: auth,
}

const schema = z.strictObject({
  source: z.strictObject({ ...side, ignoreTrustedRepos: z.unknown().exactOptional() }),
  target: z.strictObject({
    ...side,
    repoName: text,
    containerRegistry: text,
    containerRepository: text,
    syncTrustedRepos: z.unknown().exactOptional(),
  }),
  charts: texts.exactOptional(),
  skipCharts: texts.exactOptional(),
  relocateContainerImages: truth.exactOptional(),
  containerPlatforms: texts.exactOptional(),
  skipArtifacts: truth.exactOptional(),
})

type Repo = z.output<typeof repo>
type Syncer = z.output<typeof schema>

const REWRITTEN = 'charts keep their bytes: name the registry of the images in the values, where a chart is installed'

/** Where the destination holds charts only. */
const NO_IMAGES: Without = {
  relocateContainerImages: 'copy the images by a policy of their own, to a registry',
  containerPlatforms: 'write `platforms` into the policy that copies the images',
}

const WITHOUT: Without = {
  repoName: 'charts keep their bytes, README included',
  containerRegistry: REWRITTEN,
  containerRepository: REWRITTEN,
  containers: 'images land beside their charts; the credential of their registry is found by its host',
  containerAuth: 'the credential of a registry is found by its host: `replicate credentials set HOST`',
  chartsIndex: 'repositories are listed, or named by `name`',
  ignoreTrustedRepos: 'leave their charts out by `exclude.name`',
  syncTrustedRepos: 'copy their charts by a policy of their own',
}

/** A registry, and where the charts are in it. */
interface Place {
  readonly registry: string
  readonly namespace: string
  readonly isClassic: boolean
}

export function importChartsSyncer(file: ConfigurationFile, draft: Draft, cwd: string): void {
  const foreign = readForeign(file, schema, { format: 'charts-syncer', cwd })
  noteUnknown(draft, foreign)
  const { data, origin } = foreign
  for (const each of ['source', 'target'] as const) noteWithout(draft, data[each], below(origin, each), WITHOUT)
  noteWithout(draft, data, origin, WITHOUT)
  const from = placeOf(draft, data.source, below(origin, 'source'))
  const to = placeOf(draft, data.target, below(origin, 'target'))
  if (!from || !to) return
  const brings = hasImages(data) && !to.isClassic
  if (!brings) noteWithout(draft, data, origin, NO_IMAGES)
  const name = (chart: string): string => literal([from.namespace, chart].filter((part) => part !== '').join('/'))
  const depth = from.namespace === '' ? 0 : from.namespace.split('/').length
  const charts = data.charts?.map(name) ?? (from.namespace === '' ? undefined : [name(from.isClassic ? '*' : '**')])
  const filters = given({
    name: charts,
    ...(data.skipCharts ? { exclude: { name: data.skipCharts.map(name) } } : {}),
    ...(from.isClassic ? {} : { resource: 'chart' }),
    ...(brings && data.containerPlatforms ? { platforms: data.containerPlatforms.map(literal) } : {}),
  })
  // A namespace takes the place of the first part anyhow.
  const isUsual = depth === 0 || (depth === 1 && to.namespace !== '')
  const body = given({
    source: from.registry,
    destination: destinationOf(to.registry, {
      ...(to.namespace === '' ? {} : { namespace: to.namespace }),
      ...(isUsual ? {} : { flatten: depth > 3 ? 'all' : depth }),
    }),
    filters,
    ...(brings ? { with_images: true } : {}),
    ...(data.skipArtifacts ? { referrers: false } : {}),
  })
  draft.policy('charts', body, origin)
}

/** Version 2, which some keys show, copies images unless told otherwise; version 1 where it is told to. */
function hasImages({ relocateContainerImages, containerPlatforms, skipArtifacts, source, target }: Syncer): boolean {
  if (relocateContainerImages !== undefined) return relocateContainerImages
  return [containerPlatforms, skipArtifacts, source.containers, target.containers].some((key) => key !== undefined)
}

function placeOf(
  draft: Draft,
  { repo: at, intermediateBundlesPath }: z.output<z.ZodObject<typeof side>>,
  origin: Origin,
): Place | undefined {
  if (!at || at.kind === 'LOCAL' || intermediateBundlesPath !== undefined) {
    const where = at ? below(origin, 'repo', 'kind') : origin
    draft.leaveOut(where, 'a folder of charts has no counterpart', 'use a layout instead: `oci:DIR`, or `tar:FILE`')
    return undefined
  }
  noteWithout(draft, at, below(origin, 'repo'), WITHOUT)
  const url = at.url ?? ''
  const credential = (name: string): PlainMapping => credentialOf(draft, at, name, below(origin, 'repo', 'auth'))
  if (at.kind !== 'OCI') {
    // Of Harbor the project is in the address.
    const [, harbor, project = ''] = /^(.*)\/chartrepo\/([^/]+)\/*$/.exec(at.kind === 'HARBOR' ? url : '') ?? []
    const body = (name: string): PlainMapping => ({
      ...(harbor === undefined ? {} : { options: { api: 'chartrepo' } }),
      ...credential(name),
    })
    const type = at.kind === 'HELM' ? 'helm-http' : 'chartmuseum'
    const registry = chartRepository(draft, type, harbor ?? url, below(origin, 'repo', 'url'), body)
    return registry === undefined ? undefined : { registry, namespace: project, isClassic: true }
  }
  const [, scheme, host = '', path = ''] = /^(?:(https?|oci):\/\/)?([^/$]+)\/?(.*?)\/*$/.exec(url) ?? []
  if (host === '') {
    draft.leaveOut(below(origin, 'repo', 'url'), `\`${literal(url)}\` does not name a registry`, 'correct it')
    return undefined
  }
  const key = knownHost(host)
  const body = { ...credential(draft.nameFor(key)), ...(scheme === 'http' ? { url: `http://${host}` } : {}) }
  if (Object.keys(body).length > 0 && !draft.isDefined(key)) draft.define(key, key, body, below(origin, 'repo'))
  return { registry: draft.registry(key, below(origin, 'repo')), namespace: path, isClassic: false }
}

function credentialOf(draft: Draft, { auth: login }: Repo, name: string, at: Origin): PlainMapping {
  const secret = environmentSecret(login?.password)
  if (login?.username === undefined || !secret) return {}
  return { credential: draft.credential(name, literal(login.username), secret, at) }
}
