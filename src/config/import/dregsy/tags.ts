/** The tags of a dregsy mapping: verbatim ones, ranges and expressions, any of which may match, then `keep`, all of which must. */

import semver from 'semver'
import { parseDigest } from '../../../core/descriptor.ts'
import { isTag } from '../../../core/reference.ts'
import { compileRegex } from '../../../core/regex.ts'
import type { Pick } from '../copies.ts'
import { type Draft, literal } from '../draft.ts'
import { anchored, wholeExpressions } from '../expressions.ts'
import { below, type Origin } from '../foreign.ts'
import { versionRange } from '../versions.ts'

/** One for each kind of filter, since a policy's own filters must all match. */
export function dregsyPicks(draft: Draft, tags: readonly string[], at: Origin): readonly Pick[] {
  const kinds = tags.map((written, index) => ({ index, ...kindOf(written.trim()) }))
  const of = (kind: Kind): readonly Found[] => kinds.filter((each) => each.kind === kind)
  const named = of('verbatim').flatMap(({ text, index }) => verbatimOf(draft, text, below(at, index)))
  const plain = named.flatMap(({ tag, digest }) => (tag === undefined || digest !== undefined ? [] : [tag]))
  const pinned = named.flatMap(({ tag, digest }): readonly Pick[] =>
    digest === undefined ? [] : [{ ...(tag === undefined ? {} : { tags: [tag] }), digest }],
  )
  const keep = keepOf(draft, of('keep'), at)
  const latest = of('latest').at(-1)
  const newest = latest === undefined ? {} : { newest: Number(latest.text) }
  const onlyKeep = kinds.every(({ kind }) => kind === 'keep' || kind === 'latest')
  const filtered = onlyKeep
    ? [keep]
    : [...expressions(draft, of('regex'), at, keep), ...ranges(draft, of('semver'), at, keep)]
  const limited = filtered.map((pick) => ({ ...pick, ...newest }))
  if (latest) noteLatest(draft, below(at, latest.index), limited, plain)
  return [...limited, ...(plain.length > 0 ? [{ tags: plain }] : []), ...pinned]
}

/** `TAG`, `DIGEST` or `TAG@DIGEST`. */
function verbatimOf(
  draft: Draft,
  text: string,
  at: Origin,
): readonly { readonly tag?: string; readonly digest?: string }[] {
  const [, tag, digest] = /^(?!sha256:)([^@]+)(?:@(.*))?$/s.exec(text) ?? [text, undefined, text]
  if ((tag === undefined || isTag(tag)) && (digest === undefined || parseDigest(digest)))
    return [{ ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) }]
  draft.leaveOut(at, `\`${literal(text)}\` is neither a tag nor a digest`, 'correct it, and import again')
  return []
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

/** `!` turns an expression around. */
function read(draft: Draft, found: readonly Found[], at: Origin) {
  const of = (inverted: boolean): readonly string[] =>
    wholeExpressions(
      draft,
      found
        .filter(({ text }) => text.startsWith('!') === inverted)
        .map(({ text, index }) => ({
          expression: anchored(inverted ? text.slice(1) : text),
          origin: below(at, index),
        })),
    )
  return { plain: of(false), inverted: of(true) }
}

function keepOf(draft: Draft, found: readonly Found[], at: Origin): Pick {
  const { plain, inverted } = read(draft, found, at)
  const [first, ...others] = plain
  for (const other of others) {
    const message = `\`keep: ${other}\` is left out: \`regex.tag\` takes what matches any expression, not all, so more is copied`
    draft.note(at, message, 'write one expression for both by hand')
  }
  if (found.length === 0) return {}
  return { regex: { ...(first === undefined ? {} : { tag: [first] }), exclude: { tag: inverted } } }
}

function expressions(draft: Draft, found: readonly Found[], at: Origin, keep: Pick): readonly Pick[] {
  const { plain, inverted } = read(draft, found, at)
  return [
    ...(plain.length > 0 ? [narrowed(draft, plain, keep, at)] : []),
    ...inverted.map((each) => ({
      regex: { ...keep.regex, exclude: { tag: [each, ...(keep.regex?.exclude?.tag ?? [])] } },
    })),
  ]
}

/** Both must match; two lists of expressions cannot say that. */
function narrowed(draft: Draft, tag: readonly string[], { regex }: Pick, at: Origin): Pick {
  if (regex?.tag) {
    const message =
      '`keep` is left out beside `regex`: `regex.tag` takes what matches any expression, not all, so more is copied'
    draft.note(at, message, 'write one expression for both by hand')
  }
  return { regex: { ...regex, tag } }
}

/** Some that a filter for plain versions lets through. */
const VERSIONS = ['1.2.3', '0.1.0', '10.20.30', 'v1.2.3', '1.31.1', '2.0.0']

function ranges(draft: Draft, found: readonly Found[], at: Origin, keep: Pick): readonly Pick[] {
  const known = found.map(({ text, index }) => ({ text, index, range: versionRange(text) }))
  for (const { text, index, range } of known) {
    if (range === undefined)
      draft.leaveOut(
        below(at, index),
        `\`${literal(text)}\` is not a range of versions here`,
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
  const [kept] = keep.regex?.tag ?? []
  if (kept !== undefined && !VERSIONS.some((version) => compileRegex(kept).matches(version))) {
    const message =
      '`semver` with this `keep` means tags such as 1.31.1-musl, which `semver` does not take for versions here'
    draft.leaveOut(at, message, "write an expression such as `regex: {tag: '1\\.31\\.\\d+-musl'}` by hand")
    return []
  }
  return [{ ...keep, semver: range }]
}

function noteLatest(draft: Draft, at: Origin, limited: readonly Pick[], verbatim: readonly string[]): void {
  const isExact =
    limited.length === 1 && limited[0]?.semver !== undefined && !verbatim.some((tag) => semver.coerce(tag))
  if (isExact) return
  draft.note(
    at,
    '`keep: latest` counts the versions of all these tags together and keeps tags that are not versions; `newest` counts the tags of its policy',
    'compare with `replicate plan --explain`',
  )
}
