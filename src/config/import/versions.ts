/** Ranges of versions as other tools write them, in the words of this one. */

import semver from 'semver'

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
