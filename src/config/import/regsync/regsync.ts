/** regsync (regclient): a list of syncs, each of a registry, a repository or an image. */

import { z } from 'zod'
import type { ConfigurationFile } from '../../source.ts'
import { addCopies, destinationOf, type Pick, takesAll, withFilters } from '../copies.ts'
import { type Draft, type EntryPath, literal, type PlainMapping } from '../draft.ts'
import { below, type Foreign, type Origin, readForeign } from '../foreign.ts'
import { type ImageName, knownHost, parseImageName } from '../image-name.ts'
import { goSeconds, scheduleEvery } from '../interval.ts'
import { noteUnknown, noteWithout, type Without } from '../unknown.ts'
import { texts, truth, whole } from '../values.ts'
import { defineRegistries, hostSchema } from './creds.ts'
import { expressions, tagPicks, tagsSchema } from './tags.ts'
import { expand } from './template.ts'

/** What may stand in `defaults` as well as in a sync. */
const shared = {
  backup: z.string().exactOptional(),
  interval: z.string().exactOptional(),
  schedule: z.string().exactOptional(),
  ratelimit: z.strictObject({ min: whole.exactOptional(), retry: z.string().exactOptional() }).exactOptional(),
  digestTags: truth.exactOptional(),
  referrers: truth.exactOptional(),
  referrerFilters: z.array(z.unknown()).exactOptional(),
  referrerSource: z.string().exactOptional(),
  referrerTarget: z.string().exactOptional(),
  referrerSlow: truth.exactOptional(),
  fastCheck: truth.exactOptional(),
  fastCopy: truth.exactOptional(),
  forceRecursive: truth.exactOptional(),
  includeExternal: truth.exactOptional(),
  mediaTypes: texts.exactOptional(),
  hooks: z.unknown().exactOptional(),
}

const sync = z.strictObject({
  source: z.string(),
  target: z.string(),
  type: z.enum(['registry', 'repository', 'image']),
  tags: tagsSchema.exactOptional(),
  tagSets: z.array(tagsSchema).exactOptional(),
  repos: z.strictObject({ allow: texts.exactOptional(), deny: texts.exactOptional() }).exactOptional(),
  platform: z.string().exactOptional(),
  platforms: texts.exactOptional(),
  ...shared,
})

const schema = z.strictObject({
  version: z.string().regex(/^1$/, 'only version 1 is known').exactOptional(),
  creds: z.array(hostSchema).exactOptional(),
  defaults: z
    .strictObject({
      ...shared,
      parallel: whole.exactOptional(),
      blobLimit: z.string().exactOptional(),
      cacheCount: z.string().exactOptional(),
      cacheTime: z.string().exactOptional(),
      skipDockerConfig: truth.exactOptional(),
      userAgent: z.string().exactOptional(),
    })
    .exactOptional(),
  sync: z.array(sync),
})

type Sync = z.output<typeof sync>
type Defaults = NonNullable<z.output<typeof schema>['defaults']>

const WITHOUT: Without = {
  backup: 'the old tag is gone once it is replaced; `override: false` keeps it, or copy it aside before',
  referrerFilters: 'all that refers to an image travels with it, or nothing: `referrers: false`',
  referrerSlow: 'nothing: referrers are found with one request where the registry can do that',
  fastCheck: 'nothing: a tag whose digest is the same is unchanged; `referrers: all` looks for later referrers',
  fastCopy: 'nothing: a tag whose digest is the same is unchanged',
  referrerSource: 'referrers come from where their image is',
  referrerTarget: 'referrers go to where their image is',
  forceRecursive: 'use `replicate verify --repair` for what is missing below a tag that looks unchanged',
  mediaTypes: 'every type is copied',
  hooks: 'use `notify` for what is to happen afterwards',
}

const RATE_WITHOUT: Without = { retry: 'the registry says when its allowance is renewed; then the run resumes' }

const DEFAULTS_WITHOUT: Without = {
  ...WITHOUT,
  parallel: 'use `replicate run --concurrency N`, which counts blobs',
  blobLimit: 'blobs are never held in memory',
  cacheCount: 'digests are remembered while a plan is made',
  cacheTime: 'digests are remembered while a plan is made',
  skipDockerConfig: "Docker's files are read for a registry without `credential`; `type: anonymous` reads none",
  userAgent: 'give a registry that needs it `user_agent:`',
}

export function importRegsync(file: ConfigurationFile, draft: Draft, cwd: string): void {
  const foreign = readForeign(file, schema, { format: 'regsync', cwd, ignore: /^x-/ })
  const { data, origin } = foreign
  noteUnknown(draft, foreign)
  noteWithout(draft, data.defaults ?? {}, below(origin, 'defaults'), DEFAULTS_WITHOUT)
  noteWithout(draft, data.defaults?.ratelimit ?? {}, below(origin, 'defaults', 'ratelimit'), RATE_WITHOUT)
  defineRegistries(draft, data.creds ?? [], below(origin, 'creds'), reserves(foreign))
  for (const [index, entry] of data.sync.entries()) {
    const at = below(origin, 'sync', index)
    noteWithout(draft, entry, at, WITHOUT)
    noteWithout(draft, entry.ratelimit ?? {}, below(at, 'ratelimit'), RATE_WITHOUT)
    addSync(draft, entry, data.defaults ?? {}, at)
  }
}

/** By host, how many pulls of the allowance are to be left: of all syncs from there the most. */
function reserves({ data }: Foreign<z.output<typeof schema>>): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  for (const entry of data.sync) {
    const min = entry.ratelimit?.min || data.defaults?.ratelimit?.min
    const host = entry.type === 'registry' ? knownHost(entry.source) : parseImageName(entry.source)?.host
    if (min !== undefined && host !== undefined) found.set(host, Math.max(min, found.get(host) ?? 0))
  }
  return found
}

function addSync(draft: Draft, entry: Sync, defaults: Defaults, at: Origin): void {
  const { tags: _, tagSets: __, repos: ___, platforms: ____, ratelimit, ...plain } = entry
  const fields = Object.fromEntries(
    Object.entries(plain).flatMap(([key, value]) =>
      typeof value === 'string' ? [[`${key.charAt(0).toUpperCase()}${key.slice(1)}`, value]] : [],
    ),
  )
  const source = expand(entry.source, fields)
  const target = expand(entry.target, { ...fields, Source: source })
  if (source === undefined || target === undefined) {
    const wrong = source === undefined ? 'source' : 'target'
    draft.leaveOut(
      below(at, wrong),
      `this template is not understood`,
      `write \`${wrong}\` without it, and import again`,
    )
    return
  }
  if (/^oci(dir|file):\/\//.test(source) || /^oci(dir|file):\/\//.test(target)) {
    const plainly = (text: string): string => text.replace(/^oci(dir|file):\/\//, 'oci:')
    const message = 'an OCI layout holds repositories here, but is one repository in regsync'
    draft.leaveOut(at, message, `use: replicate copy ${plainly(source)} ${plainly(target)}`)
    return
  }
  const paths =
    entry.type === 'registry'
      ? addRegistry(draft, entry, defaults, source, target, at)
      : addImages(draft, entry, defaults, source, target, at)
  for (const path of paths) noteDifferences(draft, entry, defaults, at, path)
}

function addImages(
  draft: Draft,
  entry: Sync,
  defaults: Defaults,
  source: string,
  target: string,
  at: Origin,
): readonly EntryPath[] {
  const [from, to] = [imageAt(draft, source, below(at, 'source')), imageAt(draft, target, below(at, 'target'))]
  if (!from || !to) return []
  const sides = { from: sideOf(draft, from, at), to: sideOf(draft, to, at) }
  const common = {
    origin: at,
    name: from.path.split('/').at(-1) ?? from.path,
    ...sides,
    filters: platformFilters(entry),
  }
  if (entry.type === 'image') {
    noteIgnored(draft, entry, ['tags', 'tagSets', 'repos'], at)
    const { digest } = from
    const lands = to.digest === undefined ? (to.tag ?? 'latest') : undefined
    if (digest === undefined ? lands !== (from.tag ?? 'latest') : to.digest !== undefined && to.digest !== digest) {
      const hint = `use: replicate copy ${full(from)} ${full(to)}`
      draft.leaveOut(at, 'the tag changes its name: a policy keeps tags as they are', hint)
      return []
    }
    const picks = [{ ...(lands === undefined ? {} : { tags: [lands] }), ...(digest === undefined ? {} : { digest }) }]
    return addCopies(draft, { ...common, picks, body: bodyOf(draft, entry, defaults, at, true) })
  }
  noteIgnored(draft, entry, ['repos'], at)
  if (from.tag !== undefined || to.tag !== undefined) {
    draft.note(
      below(at, 'source'),
      'a repository has no tag: regsync fails here',
      'the tag is left out; `tags.allow` says which are taken',
    )
  }
  const picks = tagPicks(draft, entry, at)
  return addCopies(draft, { ...common, picks, body: bodyOf(draft, entry, defaults, at, isFiltered(picks)) })
}

function addRegistry(
  draft: Draft,
  entry: Sync,
  defaults: Defaults,
  source: string,
  target: string,
  at: Origin,
): readonly EntryPath[] {
  const from = knownHost(source)
  const [host = '', ...namespace] = target.split('/')
  const { allow = [], deny = [] } = entry.repos ?? {}
  const name = expressions(draft, allow, below(at, 'repos', 'allow'))
  if (allow.length > 0 && name.length === 0) return []
  const excluded = expressions(draft, deny, below(at, 'repos', 'deny'))
  const landing = namespace.length > 0 ? { namespace: namespace.join('/'), flatten: 0 } : {}
  const picks = tagPicks(draft, entry, at)
  return picks.map((pick): EntryPath => {
    const regex = { ...pick.regex, name, exclude: { ...pick.regex?.exclude, name: excluded } }
    const body = {
      source: { registry: draft.registry(from, at) },
      destination: destinationOf(draft.registry(knownHost(host), at), landing),
      ...withFilters({ ...pick, regex }, platformFilters(entry)),
      ...bodyOf(draft, entry, defaults, at, isFiltered(picks)),
    }
    return ['policies', draft.policy(from, body, at)]
  })
}

function isFiltered(picks: readonly Pick[]): boolean {
  return picks.some((pick) => !takesAll(pick))
}

function platformFilters({ platform, platforms }: Sync): PlainMapping {
  const wanted = platforms ?? (platform === undefined ? undefined : [platform])
  return wanted?.every((each) => each.includes('/')) ? { platforms: wanted } : {}
}

/** What stands below the filters of a policy. */
function bodyOf(draft: Draft, entry: Sync, defaults: Defaults, at: Origin, filtered: boolean): PlainMapping {
  const referrers =
    (entry.referrers ?? defaults.referrers ?? false) || (entry.digestTags ?? defaults.digestTags ?? false)
  const external = entry.includeExternal ?? defaults.includeExternal ?? false
  const own = entry.schedule !== undefined || (goSeconds(entry.interval ?? '') ?? 0) > 0
  const { schedule, interval } = own ? entry : defaults
  return {
    // Without a filter regsync copies the tags that hold signatures as it does all others.
    ...(referrers || !filtered ? {} : { referrers: false }),
    ...(external ? { foreign_layers: true } : {}),
    ...triggersOf(draft, schedule, interval, own ? at : undefined),
  }
}

function triggersOf(
  draft: Draft,
  schedule: string | undefined,
  interval: string | undefined,
  at: Origin | undefined,
): PlainMapping {
  if (schedule !== undefined) {
    const [, timezone, cron] = /^(?:CRON_)?TZ=(\S+)\s+(.*)$/.exec(schedule) ?? []
    return { triggers: [{ schedule: cron ?? schedule, ...(timezone === undefined ? {} : { timezone }) }] }
  }
  const seconds = interval === undefined ? undefined : goSeconds(interval)
  if (seconds === undefined || seconds === 0) return {}
  const { cron, exact } = scheduleEvery(seconds)
  if (!exact && at)
    draft.note(
      below(at, 'interval'),
      `cron cannot say every ${interval}: \`${cron}\` is the nearest`,
      'change `schedule` where that is too often or too rare',
    )
  return { triggers: [{ schedule: cron }] }
}

function noteDifferences(draft: Draft, entry: Sync, defaults: Defaults, at: Origin, path: EntryPath): void {
  if (entry.platform !== undefined) {
    const message = `regsync copies only the image of \`${entry.platform}\`, without its index; here the index stays, with that image alone`
    const hint = entry.platform.includes('/')
      ? '`platforms_index: narrow` makes an index that names only it'
      : 'name a platform such as linux/amd64 in `platforms`'
    draft.note(below(at, 'platform'), message, hint, path)
  }
  const referrers = entry.referrers ?? defaults.referrers ?? false
  const digestTags = entry.digestTags ?? defaults.digestTags ?? false
  if (referrers !== digestTags) {
    const [has, lacks] = referrers ? ['referrers', 'digest tags'] : ['digest tags', 'referrers']
    draft.noteOnce(at, `with ${has}, ${lacks} travel, too: here they are one`, '`referrers: false` leaves both behind')
  }
}

/** Keys that regsync does not look at for this `type`. */
function noteIgnored(draft: Draft, entry: Sync, keys: readonly (keyof Sync)[], at: Origin): void {
  for (const key of keys) {
    if (entry[key] !== undefined)
      draft.note(below(at, key), `\`${key}\` means nothing for \`type: ${entry.type}\``, 'it is left out')
  }
}

function imageAt(draft: Draft, text: string, at: Origin): ImageName | undefined {
  const name = parseImageName(text)
  if (!name) draft.leaveOut(at, `\`${literal(text)}\` does not name an image`, 'correct it, and import again')
  return name
}

function sideOf(
  draft: Draft,
  { host, path }: ImageName,
  at: Origin,
): { readonly registry: string; readonly path: string } {
  return { registry: draft.registry(host, at), path }
}

function full({ host, path, tag, digest }: ImageName): string {
  return `${host}/${path}${digest === undefined ? `:${tag ?? 'latest'}` : `@${digest}`}`
}
