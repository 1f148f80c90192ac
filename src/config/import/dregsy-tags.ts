/** The tags of a dregsy mapping: verbatim ones, ranges and expressions, any of which may match, then `keep`, all of which must. */

import semver from 'semver'
import { compilePattern } from '../../core/pattern.ts'
import type { Pick } from './copies.ts'
import { type Draft, literal } from './draft.ts'
import { below, type Origin } from './foreign.ts'
import { gather, type Written } from './selections.ts'
import { versionRange } from './versions.ts'

/** One for each kind of filter, since a policy's own filters must all match. */
export function dregsyPicks(
  draft: Draft,
  tags: readonly string[],
  at: Origin,
  sides: { readonly from: string; readonly to: string },
): readonly Pick[] {
  const kinds = tags.map((written, index) => ({ index, ...kindOf(written.trim()) }))
  const of = (kind: Kind): readonly Found[] => kinds.filter((each) => each.kind === kind)
  const verbatim = of('verbatim').filter(({ text }) => !text.includes('@') && !text.startsWith('sha256:'))
  const digests = of('verbatim').filter(({ text }) => text.startsWith('sha256:'))
  for (const { index, text } of of('verbatim').filter((each) => each.text.includes('@'))) {
    const [tag, digest] = text.split('@')
    const hint = `use: replicate copy ${sides.from}@${literal(digest ?? '')} ${sides.to}:${literal(tag ?? '')}`
    draft.leaveOut(below(at, index), `${literal(tag ?? '')} is to be the tag of a digest: a policy gives no tags`, hint)
  }
  const keep = keepOf(draft, of('keep'), at)
  const latest = of('latest').at(-1)
  const newest = latest === undefined ? {} : { newest: Number(latest.text) }
  const filtered = [...expressions(draft, of('regex'), at, keep), ...ranges(draft, of('semver'), at, keep)]
  const onlyKeep = tags.length === 0 || kinds.every(({ kind }) => kind === 'keep' || kind === 'latest')
  const named = verbatim.length > 0 ? [{ tags: verbatim.map(({ text }) => text) }] : []
  const limited = (onlyKeep ? [keep] : filtered).map((pick) => ({ ...pick, ...newest }))
  if (latest) noteLatest(draft, below(at, latest.index), limited, verbatim)
  return [...limited, ...named, ...digests.map(({ text }) => ({ digest: text }))]
}

type Kind = 'verbatim' | 'semver' | 'regex' | 'keep' | 'latest'

interface Found {
  readonly kind: Kind
  readonly text: string
  readonly index: number
}

function kindOf(written: string): Omit<Found, 'index'> {
  const [, latest] = /^keep:\s+latest\s+(\d+)$/.exec(written) ?? []
  if (latest !== undefined) return { kind: 'latest', text: latest }
  const [, kind, text = ''] = /^(semver|regex|keep):\s*(.*)$/s.exec(written) ?? []
  return kind === 'semver' || kind === 'regex' || kind === 'keep' ? { kind, text } : { kind: 'verbatim', text: written }
}

/** `!` turns an expression around; anchors are added where there are none. */
function anchored({ text, index }: Found): Written & { readonly inverted: boolean } {
  const inverted = text.startsWith('!')
  const plain = inverted ? text.slice(1) : text
  const expression = `${plain.startsWith('^') ? '' : '^'}${plain}${plain.endsWith('$') ? '' : '$'}`
  return { expression, written: plain, index, inverted }
}

function keepOf(draft: Draft, found: readonly Found[], at: Origin): Pick {
  const all = found.map(anchored)
  const [first, ...others] = all.filter(({ inverted }) => !inverted)
  const gathered = gather({ of: 'tag', allow: first ? [first] : [], deny: all.filter(({ inverted }) => inverted) })
  for (const { index, message, hint } of [...gathered.misfits, ...gathered.denied])
    draft.note(below(at, index), message, hint)
  for (const { index, written } of others) {
    draft.note(
      below(at, index),
      `\`keep: ${literal(written)}\` is left out: \`filters.tag\` takes what matches any pattern, not all, so more is copied`,
      'write one pattern for both by hand',
    )
  }
  const [choice, ...more] = gathered.choices
  if (!choice) return {}
  const include = [choice, ...more].flatMap((each) => each.include ?? [])
  const exclude = more.length > 0 ? [] : choice.exclude
  return { ...(include.length > 0 ? { tags: include } : {}), ...(exclude.length > 0 ? { excludeTags: exclude } : {}) }
}

function expressions(draft: Draft, found: readonly Found[], at: Origin, keep: Pick): readonly Pick[] {
  const all = found.map(anchored)
  const plain = all.filter(({ inverted }) => !inverted)
  const picks: Pick[] = []
  const add = (allow: readonly Written[], deny: readonly Written[]): void => {
    const { choices, misfits, denied } = gather({ of: 'tag', allow, deny })
    for (const { index, message, hint } of [...misfits, ...denied]) draft.note(below(at, index), message, hint)
    for (const { include, exclude } of choices)
      picks.push(narrowed(draft, { ...(include ? { tags: include } : {}), excludeTags: exclude }, keep, at))
  }
  if (plain.length > 0) add(plain, [])
  for (const each of all) if (each.inverted) add([], [each])
  return picks
}

/** Both must match; two lists of patterns cannot say that. */
function narrowed(draft: Draft, pick: Pick, keep: Pick, at: Origin): Pick {
  const excludeTags = [...(pick.excludeTags ?? []), ...(keep.excludeTags ?? [])]
  if (keep.tags && pick.tags) {
    draft.note(
      at,
      '`keep` is left out beside `regex`: `filters.tag` takes what matches any pattern, not all, so more is copied',
      'write one pattern for both by hand',
    )
    return pick
  }
  const tags = pick.tags ?? keep.tags
  return { ...(tags ? { tags } : {}), ...(excludeTags.length > 0 ? { excludeTags } : {}) }
}

/** Some that a filter for plain versions lets through. */
const VERSIONS = ['1.2.3', '0.1.0', '10.20.30', 'v1.2.3', '1.31.1', '2.0.0']

function ranges(draft: Draft, found: readonly Found[], at: Origin, keep: Pick): readonly Pick[] {
  const known = found.map(({ text, index }) => ({ text, index, range: versionRange(text) }))
  for (const { text, index, range } of known) {
    if (range === undefined)
      draft.leaveOut(
        below(at, index),
        `\`${literal(text)}\` is no range of versions here`,
        'write it as `semver: ">=1.2 <2"`, with `exclude.tag` for single versions',
      )
    else
      draft.note(
        below(at, index),
        'dregsy counts tags such as 1.31.1-musl and 1.2.0-rc1 in; `semver` does not',
        'take those that are wanted by `tag` in a policy of their own',
      )
  }
  const range = known.flatMap((each) => (each.range === undefined ? [] : [each.range])).join(' || ')
  if (range === '') return []
  const suffixed =
    keep.tags && !VERSIONS.some((version) => keep.tags?.some((tag) => compilePattern(tag).matches(version)))
  if (suffixed) {
    const hint = `write patterns such as \`tag: 1.31.${keep.tags?.[0] ?? '*'}\` by hand`
    draft.leaveOut(at, '`semver` with this `keep` means tags such as 1.31.1-musl, which are no versions here', hint)
    return []
  }
  return [{ ...keep, semver: range }]
}

function noteLatest(draft: Draft, at: Origin, limited: readonly Pick[], verbatim: readonly Found[]): void {
  const isExact =
    limited.length === 1 && limited[0]?.semver !== undefined && !verbatim.some(({ text }) => semver.coerce(text))
  if (isExact) return
  draft.note(
    at,
    '`keep: latest` counts the versions of all these tags together and keeps what is no version; `newest` counts the tags of its policy',
    'compare with `replicate plan --explain`',
  )
}
