/** flux-mirror's `Config`: OCI artifacts, charts of classic repositories, and how hosts are reached. */

import { z } from 'zod'
import type { ConfigurationFile } from '../../source.ts'
import { addCopies, type Pick, type Side } from '../copies.ts'
import { type Draft, literal, type PlainMapping, variableFor } from '../draft.ts'
import { wholeExpressions } from '../expressions.ts'
import { below, type Origin, readForeign } from '../foreign.ts'
import { knownHost, parseImageName } from '../image-name.ts'
import { noteUnknown, noteWithout, type Without } from '../unknown.ts'
import { truth, whole } from '../values.ts'
import { rangeIn } from '../versions.ts'
import { chartRepository, environmentSecret } from './repository.ts'

const text = z.string().exactOptional()

const artifact = z.strictObject({
  source: z.string(),
  destination: z.string(),
  selector: z
    .strictObject({
      regex: z.strictObject({ pattern: z.string(), extract: text }).exactOptional(),
      semver: text,
      sortBy: z.enum(['semver', 'alphabetical', 'numerical']).default('semver'),
      limit: whole.exactOptional(),
    })
    .exactOptional(),
  includeReferrers: truth.exactOptional(),
  verify: z.unknown().exactOptional(),
  overwrite: truth.exactOptional(),
})

const chart = z.strictObject({
  name: z.string(),
  source: z.string(),
  destination: z.string(),
  version: text,
  limit: whole.exactOptional(),
  overwrite: truth.exactOptional(),
})

const given = z.strictObject({ fromPath: text, value: text }).exactOptional()

/** Of tokens that are signed or asked for anew for each request. */
const minted = {
  jwkPath: text,
  jwkValue: text,
  iss: text,
  sub: text,
  aud: text,
  exp: text,
  issuer: text,
  subject: text,
  audiences: z.array(z.string()).exactOptional(),
  expiration: text,
}

const host = z.strictObject({
  host: z.string(),
  username: text,
  provider: z.enum(['generic', 'ecr', 'acr', 'gar']).exactOptional(),
  credential: z
    .strictObject({
      ...minted,
      provider: text,
      value: text,
      fromPath: text,
      username: text,
      type: text,
      envelope: text,
    })
    .exactOptional(),
  tls: z
    .strictObject({
      serverAuth: z.looseObject({ fromPath: text, value: text }).exactOptional(),
      clientAuth: z.strictObject({ provider: text, certificate: given, key: given }).exactOptional(),
    })
    .exactOptional(),
  maxChunkSize: z.unknown().exactOptional(),
})

const schema = z.strictObject({
  apiVersion: z.string().regex(/^mirror\.plugin\.fluxcd\.io\//, 'is not that of flux-mirror'),
  kind: z.literal('Config'),
  artifacts: z.array(artifact).default([]),
  charts: z.array(chart).default([]),
  hosts: z.array(host).default([]),
})

type Host = z.output<typeof host>

const CLOUDS = { ecr: 'aws', acr: 'azure', gar: 'google' } as const

const WITHOUT: Without = {
  verify: 'check the signatures before, such as by `cosign verify`, and copy what they are good for',
  envelope: 'give the secret as it is sent',
  maxChunkSize: 'it follows from what the registry takes',
}

export function importFluxMirror(file: ConfigurationFile, draft: Draft, cwd: string): void {
  const foreign = readForeign(file, schema, { format: 'flux-mirror', cwd })
  noteUnknown(draft, foreign)
  const { data, origin } = foreign
  for (const [index, each] of data.hosts.entries()) defineHost(draft, each, below(origin, 'hosts', index))
  for (const [index, each] of data.artifacts.entries()) addArtifact(draft, each, below(origin, 'artifacts', index))
  for (const [index, each] of data.charts.entries()) addChart(draft, each, below(origin, 'charts', index))
}

function addArtifact(draft: Draft, entry: z.output<typeof artifact>, at: Origin): void {
  noteWithout(draft, entry, at, WITHOUT)
  const from = sideOf(draft, entry.source, below(at, 'source'))
  const to = sideOf(draft, entry.destination, below(at, 'destination'))
  const pick = pickOf(draft, entry.selector, below(at, 'selector'))
  if (!from || !to || !pick) return
  const referrers = entry.includeReferrers ? {} : { referrers: false }
  addPolicy(draft, { from, to, pick, overwrite: entry.overwrite, body: referrers }, at)
}

function addChart(draft: Draft, entry: z.output<typeof chart>, at: Origin): void {
  const to = sideOf(draft, entry.destination.replace(/^oci:\/\//, ''), below(at, 'destination'), entry.name)
  const range = entry.version === undefined || entry.version === '*' ? '' : entry.version
  const semver = range === '' ? undefined : rangeIn(draft, range, below(at, 'version'), 'flux-mirror')
  const registry = chartRepository(draft, 'helm-http', entry.source, below(at, 'source'))
  if (!to || registry === undefined || (range !== '' && semver === undefined)) return
  const hint = `set the credential: replicate credentials set ${registry}`
  draft.noteOnce(at, "credentials in Helm's repositories.yaml are not read", hint)
  const pick = { ...(semver === undefined ? {} : { semver }), ...newest(entry.limit) }
  addPolicy(
    draft,
    { from: { registry, path: literal(entry.name) }, to, pick, overwrite: entry.overwrite, body: {} },
    at,
  )
}

interface Wanted {
  readonly from: Side
  readonly to: Side
  readonly pick: Pick
  readonly overwrite: boolean | undefined
  readonly body: PlainMapping
}

/** What is there already stays, unless the file says otherwise. */
function addPolicy(draft: Draft, { from, to, pick, overwrite, body }: Wanted, origin: Origin): void {
  const name = from.path.split('/').at(-1) ?? from.path
  addCopies(draft, {
    origin,
    name,
    from,
    to,
    picks: [pick],
    body: { ...body, ...(overwrite ? {} : { override: false }) },
  })
}

/** The limit is 1 by default; 0 means no limit. */
function newest(limit = 1): Pick {
  return limit > 0 ? { newest: limit } : {}
}

function pickOf(draft: Draft, selector: z.output<typeof artifact>['selector'], at: Origin): Pick | undefined {
  const { regex, semver, sortBy = 'semver', limit } = selector ?? {}
  if (regex?.extract !== undefined) {
    const hint = 'see what `replicate plan --explain` takes, and narrow the tags by a pattern'
    draft.note(below(at, 'regex', 'extract'), 'versions are read from whole tags, not from a part of them', hint)
  }
  if (sortBy !== 'semver' && limit !== 0) {
    const message = `\`${sortBy}\` has no counterpart: \`newest\` goes by version where all tags are versions, else by time`
    draft.note(below(at, 'sortBy'), message, 'see what `replicate plan` takes')
  } else if (semver === undefined && limit !== 0) {
    const message = 'flux-mirror passes over tags that are not versions; where there are such, `newest` goes by time'
    draft.noteOnce(at, message, 'narrow the tags by a pattern, or by `semver: "*"`')
  }
  const expression = regex && wholeExpressions(draft, [{ expression: regex.pattern, origin: below(at, 'regex') }])
  const range = semver === undefined ? undefined : rangeIn(draft, semver, below(at, 'semver'), 'flux-mirror')
  if (expression?.length === 0 || (semver !== undefined && range === undefined)) return undefined
  return {
    ...(expression ? { regex: { tag: expression } } : {}),
    ...(range === undefined ? {} : { semver: range }),
    ...newest(limit),
  }
}

/** `HOST/PATH`, with `name` below it. */
function sideOf(draft: Draft, where: string, at: Origin, name?: string): Side | undefined {
  const parsed = parseImageName(name === undefined ? where : `${where.replace(/\/+$/, '')}/${name}`)
  if (parsed && parsed.tag === undefined) return { registry: draft.registry(parsed.host, at), path: parsed.path }
  draft.leaveOut(at, `\`${literal(where)}\` does not name a repository`, 'write it without variables, and import again')
  return undefined
}

function defineHost(draft: Draft, entry: Host, at: Origin): void {
  noteWithout(draft, entry, at, WITHOUT)
  const key = knownHost(entry.host)
  const name = draft.nameFor(key)
  const cloud = entry.provider && entry.provider !== 'generic' ? CLOUDS[entry.provider] : undefined
  const credential = cloud ? { type: cloud } : credentialOf(draft, entry, name, below(at, 'credential'))
  const body = { ...(credential ? { credential } : {}), ...tlsOf(draft, entry, below(at, 'tls')) }
  if (Object.keys(body).length > 0) draft.define(key, key, body, at)
}

function credentialOf(draft: Draft, entry: Host, name: string, at: Origin): PlainMapping | undefined {
  const { credential } = entry
  if (!credential) return undefined
  noteWithout(draft, credential, at, WITHOUT)
  const user = credential.username ?? entry.username
  const secret = environmentSecret(credential.value, credential.fromPath)
  if (!secret) {
    const hint = `mint the token before the run, and set ${variableFor(name, 'TOKEN')}; or use \`docker login\``
    draft.note(at, 'tokens of this kind cannot be minted here', hint)
    return undefined
  }
  if (user !== undefined) return draft.credential(name, literal(user), secret, at)
  if (secret.in === 'path') return { type: 'token', password_file: literal(secret.path) }
  const variable = secret.in === 'variable' ? secret.name : variableFor(name, 'TOKEN')
  if (secret.in === 'file')
    draft.note(at, `the token stays behind: \`${name}\` takes it from \${${variable}}`, `set ${variable}`)
  return { type: 'token', token: draft.variable(variable, 'token') }
}

function tlsOf(draft: Draft, { tls }: Host, at: Origin): PlainMapping {
  const files = {
    ca: tls?.serverAuth?.fromPath,
    client_cert: tls?.clientAuth?.certificate?.fromPath,
    client_key: tls?.clientAuth?.key?.fromPath,
  }
  const wanted = [tls?.serverAuth, tls?.clientAuth?.certificate, tls?.clientAuth?.key].filter((part) => part)
  const named = Object.entries(files).filter(([, path]) => path !== undefined)
  if (named.length < wanted.length || tls?.clientAuth?.provider !== undefined) {
    const hint = 'put certificates and keys into files, and name those: `ca`, `client_cert`, `client_key`'
    draft.note(at, 'only certificates in files have a counterpart', hint)
  }
  return Object.fromEntries(named.map(([key, path]) => [key, literal(path ?? '')]))
}
