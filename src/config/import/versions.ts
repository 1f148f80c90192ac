/** Ranges of versions as other tools write them, in the words of this one. */

import semver from 'semver'
import { type Draft, literal } from './draft.ts'
import type { Origin } from './foreign.ts'

/** As Masterminds/semver has them: commas and spaces are "and", `||` is "or". Undefined where it says what cannot be said here. */
export function versionRange(text: string): string | undefined {
  const parts = text
    .replaceAll(/~>/g, '~')
    .replaceAll(/([<>=~^!])\s+/g, '$1')
    .replaceAll(/,\s*/g, ' ')
    .replaceAll(/(^|[\s|])==/g, '$1=')
    .trim()
  if (/!/.test(parts) || semver.validRange(parts) === null) return undefined
  return parts.replaceAll(/\s+/g, ' ')
}

/** The range of a tool whose ranges are those of Masterminds/semver; undefined, with a note, where it cannot be said here. */
export function rangeIn(draft: Draft, text: string, at: Origin, tool: string): string | undefined {
  const range = versionRange(text)
  if (range === undefined) {
    draft.leaveOut(
      at,
      `\`${literal(text)}\` is not a range of versions here`,
      'write it as `semver: ">=1.2 <2"`, with `exclude.tag` for single versions',
    )
  } else if (/\d-[0-9A-Za-z]/.test(range)) {
    draft.note(
      at,
      `${tool} then takes pre-releases of all versions; \`semver\` only those of the version that names one`,
      'take those that are wanted by `tag` in a policy of their own',
    )
  }
  return range
}

/** As regclient has them: spaces are "and", and what is missing of a version is zero (`~1` ends before 1.1.0). */
export function paddedRange(text: string): string | undefined {
  const parts = text.trim().split(/\s+/).map(padded)
  const range = parts.join(' ')
  return parts.includes(undefined) || semver.validRange(range) === null ? undefined : range
}

function padded(part: string): string | undefined {
  const match = /^(>=|<=|>|<|=|\^|~)?v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(-[0-9A-Za-z.-]+)?(?:\+\S*)?$/.exec(part)
  if (!match) return undefined
  const [, operator = '', major, minor = '0', patch = '0', prerelease = ''] = match
  return `${operator}${major}.${minor}.${patch}${prerelease}`
}
