/** `replicate ls`: what a registry, a layout or an archive holds. */

import { throwIfAborted } from '../../core/cancel.ts'
import { shortDigest } from '../../core/descriptor.ts'
import type { Listed, ListedPlatform } from '../../core/inventory.ts'
import { formatResource } from '../../core/reference.ts'
import { formatBytes } from '../../core/size.ts'
import { plural, printable } from '../render/format.ts'
import { jsonLine } from '../render/json.ts'
import { type Column, tableOf } from '../render/table.ts'
import { quietContext, type Session } from '../session.ts'

export interface LsFlags {
  readonly long?: boolean
}

/** Something that was named is not there, or cannot be read. */
const NOT_ALL = 1
/** Rows that the widths of the columns are taken from: the first of them are shown at once. */
const SAMPLE = 100

/** Exit status 0 if everything that was named is there and can be read. */
export async function ls(session: Session, reference: string, flags: LsFlags): Promise<number> {
  const app = await session.app()
  const configuration = await app.configuration([])
  const { policy, names, isLocal, isPlace } = await session.parts.look(reference, configuration)
  const ctx = quietContext(session)
  if (names === 'repositories' && !flags.long) {
    let found = false
    for await (const repository of app.repositories(policy, configuration, ctx)) {
      found = true
      session.stdout.write(session.json ? jsonLine({ repository }) : `${printable(repository)}\n`)
      throwIfAborted(session.signal)
    }
    return found || isPlace ? 0 : missing(session, reference)
  }
  const details = flags.long === true || isLocal || names === 'artifact'
  const view = session.json
    ? jsonView()
    : names === 'artifact'
      ? blockView()
      : details
        ? tableView(session, isLocal)
        : nameView()
  let [listed, failed] = [0, 0]
  for await (const one of app.artifacts(policy, configuration, { details }, ctx)) {
    throwIfAborted(session.signal)
    listed += 1
    if (one.error !== null) failed += 1
    if (one.error === null || session.json) session.stdout.write(view.add(one))
    if (one.error !== null && !session.json)
      session.stderr.write(`error: ${printable(`${nameOf(one)}: ${one.error}`)}\n`)
  }
  session.stdout.write(view.end())
  if (listed === 0 && !isPlace) return missing(session, reference)
  return failed > 0 ? NOT_ALL : 0
}

function missing(session: Session, reference: string): number {
  session.stderr.write(`error: nothing matches ${printable(reference)}\n`)
  return NOT_ALL
}

interface View {
  add(one: Listed): string
  end(): string
}

const nothing = (): string => ''

function jsonView(): View {
  return { add: (one) => jsonLine(one), end: nothing }
}

function nameView(): View {
  return { add: (one) => `${printable(nameOf(one))}\n`, end: nothing }
}

function nameOf({ repository, tag, digest }: Listed): string {
  return formatResource({ registry: repository, repository: '', tag: tag ?? undefined, digest: digest ?? undefined })
}

function tableView(session: Session, isLocal: boolean): View {
  const columns: readonly (Column & { readonly cell: (one: Listed) => string })[] = [
    { title: 'IMAGE', cell: imageOf },
    ...(isLocal ? [{ title: 'REF', leave: 2, cell: ({ ref }: Listed) => ref ?? '' }] : []),
    { title: 'TYPE', leave: 3, cell: typeOf },
    { title: 'PLATFORMS', leave: 1, cell: ({ details }) => platformsOf(details?.platforms ?? []) },
    { title: 'SIZE', align: 'right', cell: ({ details }) => formatBytes(details?.bytes ?? 0) },
    { title: 'REFERRERS', align: 'right', cell: ({ details }) => String(details?.referrers.length ?? 0) },
    { title: 'DIGEST', leave: 4, cell: ({ digest }) => digest ?? '' },
  ]
  const table = tableOf(columns, session.stdout.columns, session.colors, SAMPLE)
  let any = false
  return {
    add(one) {
      any = true
      return table.add(columns.map(({ cell }) => cell(one)))
    },
    end: () => (any ? table.end() : ''),
  }
}

function imageOf(one: Listed): string {
  return one.tag === null && one.digest ? `${one.repository}@${shortDigest(one.digest, 12)}` : nameOf(one)
}

/** `image`, `chart`, or what an artifact calls itself. */
function typeOf({ details }: Listed): string {
  if (!details) return ''
  const { type, artifact_type, platforms } = details
  const isOther =
    type === 'image' && platforms.length === 0 && artifact_type !== null && !/\.image\./.test(artifact_type)
  return isOther ? artifact_type : type
}

/** Those that are there; of how many, where some were left out. */
function platformsOf(platforms: readonly ListedPlatform[]): string {
  const present = platforms.filter(({ bytes }) => bytes !== null)
  const names = [...new Set(present.map(({ platform }) => platform))].join(', ')
  return present.length < platforms.length ? `${names} (${present.length} of ${platforms.length})` : names
}

function blockView(): View {
  let first = true
  return {
    add(one) {
      const gap = first ? '' : '\n'
      first = false
      return (
        gap +
        blockOf(one)
          .map((line) => `${printable(line)}\n`)
          .join('')
      )
    },
    end: nothing,
  }
}

function blockOf(one: Listed): readonly string[] {
  const { digest, media_type, ref, details } = one
  const lines = [
    nameOf(one),
    `  digest      ${digest}`,
    ...(ref === null ? [] : [`  ref         ${ref}`]),
    `  type        ${typeOf(one)}  ${media_type}`,
  ]
  if (!details) return lines
  lines.push(`  size        ${formatBytes(details.bytes)} in ${plural(details.blobs, 'blob')}`)
  const widest = Math.max(0, ...details.platforms.map(({ platform }) => platform.length))
  for (const { platform, digest: part, bytes } of details.platforms) {
    lines.push(`  platform    ${platform.padEnd(widest)}  ${part}  ${bytes === null ? 'absent' : formatBytes(bytes)}`)
  }
  for (const { artifact_type, digest: referrer, tag } of details.referrers) {
    lines.push(`  referrer    ${referrer}  ${artifact_type ?? ''}${tag === null ? '' : `  ${tag}`}`)
  }
  return lines
}
