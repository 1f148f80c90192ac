/** Which entries of an index are of a wanted platform, however both sides spell it. */

import { expect, test } from 'vitest'
import { platformFilter } from '../../src/transfer/children.ts'

/** Of `linux`, as `ARCHITECTURE` or `ARCHITECTURE/VARIANT`. */
function isWanted(wanted: string, entry: string): boolean {
  const [architecture = '', variant] = entry.split('/')
  return platformFilter([`linux/${wanted}`])({ os: 'linux', architecture, ...(variant ? { variant } : {}) })
}

test.each([
  ['arm64', 'arm64'],
  ['arm64', 'arm64/v8'],
  ['arm64/v8', 'arm64'],
  ['arm64', 'arm64/8'],
  ['aarch64', 'arm64'],
  ['arm', 'arm'],
  ['arm', 'arm/v7'],
  ['arm/v7', 'arm'],
  ['arm/v7', 'armhf'],
  ['arm/v6', 'arm/v6'],
  ['amd64', 'amd64'],
  ['amd64', 'amd64/v3'],
  ['x86_64', 'amd64'],
])('linux/%s wants linux/%s', (wanted, entry) => {
  expect(isWanted(wanted, entry)).toBe(true)
})

test.each([
  ['arm/v6', 'arm'],
  ['arm', 'arm/v6'],
  ['arm64', 'arm'],
  ['amd64/v3', 'amd64'],
  ['amd64', 'arm64'],
  ['arm', 'arm64'],
])('linux/%s does not want linux/%s', (wanted, entry) => {
  expect(isWanted(wanted, entry)).toBe(false)
})

test('an entry without a platform, or of another system, is not wanted', () => {
  expect(platformFilter(['linux/amd64'])(undefined)).toBe(false)
  expect(platformFilter(['linux/amd64'])({ os: 'windows', architecture: 'amd64' })).toBe(false)
})
