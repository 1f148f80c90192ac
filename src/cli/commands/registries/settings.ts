/** A registry's settings as options give them, and as they stand in the configuration. */

import type { Edit, Value } from '../../../config/edit/edit.ts'
import { isLoopback } from '../../../core/registry.ts'
import { type CredentialFlags, credentialSetting } from './credential.ts'
import { type Places, pathIn } from './places.ts'

/** As commander hands them over. */
export interface SettingFlags extends CredentialFlags {
  readonly type?: string
  readonly url?: string
  readonly path?: string
  readonly description?: string
  readonly insecure?: boolean
  readonly ca?: string
  readonly clientCert?: string
  readonly clientKey?: string
  readonly proxy?: string
  readonly userAgent?: string
  readonly connections?: number | ''
  readonly requestsPerSecond?: string
  readonly bandwidth?: string
}

interface Setting {
  readonly key: readonly string[]
  readonly value: Value
}

/** In the order of a file that this program writes. An empty value means that the setting is not there. `taken` are the kinds of credential
 *  that the registry's adapter takes. */
export function settingsOf(flags: SettingFlags, taken: readonly string[], places: Places): readonly Setting[] {
  const path = (given: string | undefined): string | undefined => given && pathIn(given, places)
  const settings: readonly (readonly [readonly string[], Value | undefined])[] = [
    [['type'], flags.type],
    [['url'], flags.url && withScheme(flags.url)],
    [['path'], path(flags.path)],
    [['description'], flags.description],
    [['insecure'], flags.insecure],
    [['ca'], path(flags.ca)],
    [['client_cert'], path(flags.clientCert)],
    [['client_key'], path(flags.clientKey)],
    [['proxy'], flags.proxy],
    [['user_agent'], flags.userAgent],
    [['credential'], credentialSetting(flags, taken, places)],
    [['limits', 'connections'], flags.connections],
    [['limits', 'requests_per_second'], flags.requestsPerSecond && numeral(flags.requestsPerSecond)],
    [['limits', 'bandwidth'], flags.bandwidth],
  ]
  return settings.flatMap(([key, value]) => (value === undefined ? [] : [{ key, value }]))
}

/** An edit for each setting of the registry; an empty one is taken away. */
export function settingEdits(name: string, settings: readonly Setting[]): readonly Edit[] {
  return settings.map(({ key, value }): Edit => {
    const path = ['registries', name, ...key]
    return value === '' ? { remove: path } : { set: path, to: value }
  })
}

/** A host is as good as a URL. */
export function withScheme(url: string): string {
  if (/^[a-z]+:\/\//i.test(url) || url === '') return url
  return `${isLoopback(url.split('/')[0] ?? '') ? 'http' : 'https'}://${url}`
}

function numeral(text: string): Value {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : text
}
