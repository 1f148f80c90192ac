/** dregsy: tasks, each with a source, a target and mappings between them. */

import { z } from 'zod'
import type { ConfigurationFile } from '../../source.ts'
import { addCopies, destinationOf, type Pick, takesAll, withFilters } from '../copies.ts'
import { type Draft, type EntryPath, literal, type PlainMapping } from '../draft.ts'
import { anchored, hasBareChoice, wholeExpressions } from '../expressions.ts'
import { below, type Origin, readForeign } from '../foreign.ts'
import { knownHost, parseImageName, repositoryAt } from '../image-name.ts'
import { scheduleEvery } from '../interval.ts'
import { noteReferrers } from '../skopeo.ts'
import { withoutVerification } from '../tls.ts'
import { noteUnknown, noteWithout, type Without } from '../unknown.ts'
import { texts, truth, whole } from '../values.ts'
import { dregsyPicks } from './tags.ts'

const location = z.strictObject({
  registry: z.string(),
  auth: z.string().exactOptional(),
  'auth-refresh': z.string().exactOptional(),
  'skip-tls-verify': truth.exactOptional(),
  lister: z.record(z.string(), z.string()).exactOptional(),
})

const mapping = z.strictObject({
  from: z.string(),
  to: z.string().exactOptional(),
  tags: texts.exactOptional(),
  platform: z.string().exactOptional(),
})

const task = z.strictObject({
  name: z.string(),
  interval: whole.exactOptional(),
  verbose: truth.exactOptional(),
  source: location,
  target: location,
  mappings: z.array(mapping).default([]),
})

const schema = z.strictObject({
  relay: z.enum(['skopeo', 'docker']).exactOptional(),
  watch: truth.exactOptional(),
  skopeo: z
    .strictObject({ binary: z.string().exactOptional(), 'certs-dir': z.string().exactOptional() })
    .exactOptional(),
  docker: z
    .strictObject({ dockerhost: z.string().exactOptional(), 'api-version': z.string().exactOptional() })
    .exactOptional(),
  dockerhost: z.string().exactOptional(),
  'api-version': z.string().exactOptional(),
  lister: z
    .strictObject({ maxItems: z.string().exactOptional(), cacheDuration: z.string().exactOptional() })
    .exactOptional(),
  tasks: z.array(task),
})

type Relay = z.output<typeof schema>['relay']
type Task = z.output<typeof task>
type Location = z.output<typeof location>
type Mapping = z.output<typeof mapping>

const NO_RELAY = 'nothing: no other program is needed'
const WITHOUT: Without = {
  watch: 'the file is read at each run',
  dockerhost: NO_RELAY,
  'api-version': NO_RELAY,
  lister: 'all repositories that the registry lists are looked at',
}
const RELAY_WITHOUT: Without = {
  binary: NO_RELAY,
  dockerhost: NO_RELAY,
  'api-version': NO_RELAY,
  'certs-dir': 'name what is in it for each registry: `ca`, `client_cert`, `client_key`',
}

export function importDregsy(file: ConfigurationFile, draft: Draft, cwd: string): void {
  const foreign = readForeign(file, schema, { format: 'dregsy', cwd })
  const { data, origin } = foreign
  noteUnknown(draft, foreign)
  draft.plainLoopback = data.relay !== 'skopeo'
  noteWithout(draft, data, origin, WITHOUT)
  noteWithout(draft, data.skopeo ?? {}, below(origin, 'skopeo'), RELAY_WITHOUT)
  noteWithout(draft, data.docker ?? {}, below(origin, 'docker'), RELAY_WITHOUT)
  for (const [index, one] of data.tasks.entries()) {
    const at = below(origin, 'tasks', index)
    noteWithout(draft, one, at, { verbose: 'use `replicate run --verbose`' })
    if (one.interval) noteInterval(draft, one.interval, below(at, 'interval'))
    for (const side of ['source', 'target'] as const) defineRegistry(draft, one[side], data.relay, below(at, side))
    for (const [place, each] of one.mappings.entries()) addMapping(draft, one, each, below(at, 'mappings', place))
  }
}

function hostOf({ registry }: Location): string {
  return knownHost(registry.split('@').at(-1) ?? registry)
}

/** The same registry with the same settings stands at many tasks. */
function defineRegistry(draft: Draft, at: Location, relay: Relay, origin: Origin): void {
  const host = hostOf(at)
  if (draft.isDefined(host)) return
  const name = draft.nameFor(host)
  const decoded = at.auth === undefined ? undefined : userIn(at.auth)
  const body = {
    ...(at['skip-tls-verify'] ? unverified(draft, host, name, relay, below(origin, 'skip-tls-verify')) : {}),
    ...(at.auth === 'none' ? { credential: { type: 'anonymous' } } : {}),
    ...(decoded === undefined
      ? {}
      : { credential: draft.credential(name, literal(decoded), { in: 'file' }, below(origin, 'auth')) }),
  }
  if (Object.keys(body).length > 0) draft.define(host, host, body, origin)
  if (at.auth !== undefined && at.auth !== 'none' && decoded === undefined) {
    draft.note(
      below(origin, 'auth'),
      '`auth` is not a credential in the form of dregsy',
      'use `docker login`, the keychain or `credential`',
    )
  }
  if (at['auth-refresh'] !== undefined) {
    draft.note(
      below(origin, 'auth-refresh'),
      '`auth-refresh` has no counterpart',
      'credentials are asked for when they have expired; `type: aws-ecr` finds those of AWS',
    )
  }
  const type = at.lister?.type
  if (type !== undefined && type !== 'catalog') {
    draft.note(
      below(origin, 'lister'),
      `repositories are not found by \`${literal(type)}\``,
      "they come from the registry's own listing; where it has none name them in `filters.name`",
    )
  }
}

/** Only skopeo skips it: without `relay` dregsy goes through Docker, whose daemon has a list of its own. */
function unverified(draft: Draft, host: string, name: string, relay: Relay, origin: Origin): PlainMapping {
  if (relay === 'skopeo') return withoutVerification(draft, host, name, origin)
  const message = '`skip-tls-verify` has no effect on copies through Docker: the certificate is checked'
  draft.note(origin, message, 'write `insecure: true` if that daemon has this registry among its insecure ones')
  return {}
}

/** Base64 of `{"username": …, "password": …}`. */
function userIn(auth: string): string | undefined {
  try {
    const parsed = z
      .object({ username: z.string().min(1) })
      .safeParse(JSON.parse(Buffer.from(auth, 'base64').toString('utf8')))
    return parsed.success ? parsed.data.username : undefined
  } catch {
    return undefined
  }
}

function addMapping(draft: Draft, one: Task, each: Mapping, at: Origin): void {
  const picks = dregsyPicks(draft, each.tags ?? [], below(at, 'tags'))
  const made = each.from.startsWith('regex:')
    ? addMatching(draft, one, each, picks, at)
    : addRepository(draft, one, each, picks, at)
  for (const on of made) notePlatform(draft, each, at, on)
  if (made.length > 0 && picks.some(takesAll)) noteReferrers(draft, at)
}

function notePlatform(draft: Draft, { platform }: Mapping, at: Origin, on: EntryPath): void {
  if (platform === undefined) {
    const message = 'without `platform` dregsy copies only the one it runs on; here all are copied'
    draft.noteOnce(at, message, 'where one is meant write `platforms: [linux/amd64]` into `filters`')
  } else if (platform !== 'all') {
    const message = `dregsy copies only the image of \`${literal(platform)}\`, without its index; here the index stays, with that image alone`
    draft.note(below(at, 'platform'), message, '`platforms_index: narrow` makes an index that names only it', on)
  }
}

function noteInterval(draft: Draft, interval: number, at: Origin): void {
  const { cron, exact } = scheduleEvery(interval)
  if (exact) return
  draft.note(
    at,
    `cron cannot say every ${interval} seconds: \`${cron}\` is the nearest`,
    'change `schedule` where that is too often or too rare',
  )
}

function bodyOf({ interval = 0 }: Task, picks: readonly Pick[]): PlainMapping {
  return {
    ...(picks.some(takesAll) ? {} : { referrers: false }),
    ...(interval > 0 ? { triggers: [{ schedule: scheduleEvery(interval).cron }] } : {}),
  }
}

function filtersOf({ platform }: Mapping): PlainMapping {
  return platform === undefined || platform === 'all' ? {} : { platforms: [platform] }
}

function addRepository(
  draft: Draft,
  one: Task,
  each: Mapping,
  picks: readonly Pick[],
  at: Origin,
): readonly EntryPath[] {
  const [source, target] = [hostOf(one.source), hostOf(one.target)]
  const path = repositoryAt(source, each.from.replace(/^\/+/, ''))
  const mapped = each.to?.startsWith('regex:') ? replaced(`/${path}`, each.to) : (each.to ?? path)
  const landed = mapped === undefined ? undefined : repositoryAt(target, mapped.replace(/^\/+/, ''))
  if (landed === undefined || !parseImageName(`${source}/${path}`) || !parseImageName(`${target}/${landed}`)) {
    draft.leaveOut(
      at,
      `\`${literal(each.to ?? each.from)}\` does not name a repository`,
      'write the repository without a regular expression, and import again',
    )
    return []
  }
  const from = { registry: draft.registry(source, at), path }
  const to = { registry: draft.registry(target, at), path: landed }
  return addCopies(draft, {
    origin: at,
    name: `${one.name}-${path.split('/').at(-1)}`,
    from,
    to,
    picks,
    filters: filtersOf(each),
    body: bodyOf(one, picks),
  })
}

/** As Go's `ReplaceAllString` does it, where JavaScript reads the expression the same way. */
function replaced(path: string, to: string): string | undefined {
  const [, expression = '', replacement] = /^regex:([^,]*),(.*)$/s.exec(to) ?? []
  if (replacement === undefined) return undefined
  try {
    // In Go `$1x` is a group by the name of `1x`.
    if (/\$(?:\d+\w|[A-Za-z_])/.test(replacement)) return undefined
    return path.replaceAll(new RegExp(expression, 'g'), replacement.replaceAll(/\$\{(\d+)\}/g, '$$$1'))
  } catch {
    return undefined
  }
}

function addMatching(draft: Draft, one: Task, each: Mapping, picks: readonly Pick[], at: Origin): readonly EntryPath[] {
  const expression = anchored(each.from.slice('regex:'.length))
  const name = wholeExpressions(draft, [{ expression, origin: below(at, 'from') }])
  if (name.length === 0) return []
  const landing = landingOf(each.to, expression)
  if (!landing) {
    draft.leaveOut(
      below(at, 'to'),
      'a policy cannot change names like this',
      'write `namespace` and `flatten` by hand: `replicate plan` shows where repositories land',
    )
    return []
  }
  return picks.map((pick): EntryPath => {
    const body = {
      source: { registry: draft.registry(hostOf(one.source), at) },
      destination: destinationOf(draft.registry(hostOf(one.target), at), landing),
      ...withFilters({ ...pick, regex: { ...pick.regex, name } }, filtersOf(each)),
      ...bodyOf(one, picks),
    }
    return ['policies', draft.policy(one.name, body, at)]
  })
}

/** A plain `to` goes before the names; one that replaces what all names begin with takes its place. */
function landingOf(
  to: string | undefined,
  from: string,
): { readonly namespace?: string; readonly flatten?: number } | undefined {
  if (to === undefined) return {}
  const plain = (text: string): string => text.replaceAll(/^\/+|\/+$/g, '')
  if (!to.startsWith('regex:')) return { namespace: plain(to), flatten: 0 }
  const [, begin = '', namespace] = /^regex:\^?\/?((?:[a-z0-9_-]+\/)+),\/?([a-z0-9_./-]+)\/$/.exec(to) ?? []
  const flatten = begin.split('/').length - 1
  const all = !hasBareChoice(from) && from.startsWith(`^${begin}`) && !/^[*+?{]/.test(from.slice(begin.length + 1))
  if (namespace === undefined || !all || flatten > 3) return undefined
  return flatten === 1 ? { namespace } : { namespace, flatten }
}
