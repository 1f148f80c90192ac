/** Tags as versions, and their order. */

import semver from 'semver'

const VERSION = /^v?(0|[1-9]\d*)(?:\.(0|[1-9]\d*))?(?:\.(0|[1-9]\d*))?(-[0-9A-Za-z.-]+)?(?:\+([0-9A-Za-z.-]+))?$/
/** A tag cannot hold the `+` of a chart's version: helm writes `_` for it. */
const BUILD = /^(v?\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)_/

/** A tag as a version: `v` in front and missing parts are fine (`v3`, `3.18`); `01` and words are not versions. */
export function versionOf(tag: string): semver.SemVer | undefined {
  const match = VERSION.exec(tag.replace(BUILD, '$1+'))
  if (!match) return undefined
  const [, major, minor = '0', patch = '0', prerelease = '', build] = match
  return semver.parse(`${major}.${minor}.${patch}${prerelease}${build === undefined ? '' : `+${build}`}`) ?? undefined
}

/** Oldest first where tags are versions; words such as `latest` come after them, in natural order. */
export function compareTags(a: string, b: string): number {
  const [left, right] = [versionOf(a), versionOf(b)]
  if (left && right) return semver.compareBuild(left, right) || compareNaturally(a, b)
  if (left || right) return left ? -1 : 1
  return compareNaturally(a, b)
}

const RUNS = /\d+|\D+/g

/** Compares runs of digits by value and all other text as it is. `Intl.Collator` would do, but takes 7 ms to create. */
function compareNaturally(a: string, b: string): number {
  const others = b.match(RUNS) ?? []
  for (const [at, run] of (a.match(RUNS) ?? []).entries()) {
    const other = others[at] ?? ''
    if (run === other) continue
    const areNumbers = /^\d/.test(run) && /^\d/.test(other)
    return (areNumbers && compareNumbers(significant(run), significant(other))) || (run < other ? -1 : 1)
  }
  return a.length - b.length
}

function significant(digits: string): string {
  return digits.replace(/^0+/, '')
}

/** Of digits of any length, without leading zeros. */
function compareNumbers(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : Number(a > b))
}
