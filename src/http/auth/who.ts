/** Names a credential and what it may not do, for messages: `robot (from the configuration) may not push to hub/redis`. */

import type { SentCredential } from '../../core/registry.ts'

/** `robot (from the configuration)`, or `the token (from keychain)`; never a secret. */
export function whoSigns(credential: SentCredential): string {
  const place = credential.origin.replace(/^credential in /, '').replace(/ \((.*)\)$/, ', $1')
  return `${credential.kind === 'basic' ? credential.username : 'the token'} (from ${place})`
}

/** What was refused, from the scopes that were asked for: `push to hub/redis`. `name`: the registry's. */
export function deedOf(scopes: readonly string[], name: string): string | undefined {
  // Of a mount, what is written counts.
  const scope = scopes.find((one) => /:[^:]*(push|delete)[^:]*$/.test(one)) ?? scopes[0]
  const [, type, path = '', actions = ''] = /^([^:]*):(.*):([^:]*)$/.exec(scope ?? '') ?? []
  if (type === 'registry') return `list the repositories of ${name}`
  if (type !== 'repository') return undefined
  const allowed = actions.split(',')
  if (allowed.includes('delete')) return `delete from ${name}/${path}`
  return allowed.includes('push') ? `push to ${name}/${path}` : `pull from ${name}/${path}`
}
