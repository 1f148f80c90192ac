/** Builds what a policy calls besides its registries: the prepare handler and the notifications. */

import { resolve } from 'node:path'
import type { Channel, Policy, PrepareHandler } from '../core/policy.ts'
import { type Secret, secret, secretUrl } from '../core/secret.ts'
import { type Names, registryNamed } from './reference.ts'
import type { PolicyInput } from './schema.ts'
import type { Finding } from './source.ts'

const A_PATH = /^\/(?!\/)\S*$/
const NO_USER = 'with `http://` or `https://` and without a user name; what is secret in it comes from the environment'

function isUrl(text: string): boolean {
  return /^https?:\/\/[^\s/@?#]+([/?]\S*)?$/.test(text) && URL.canParse(text)
}

type NotificationInput<On extends string> = Omit<NonNullable<PolicyInput['notify']>[number], 'on'> & {
  readonly on: readonly On[]
}

export interface PolicyNames extends Names {
  /** What the file says at a place in the policy where variables were put into a value. */
  readonly written: (path: Finding['path']) => string | undefined
}

/** `destinations` are those of the policy, of which each must have an address where the handler is a path. */
export function builtHandler(
  { handler, abort_on = [] }: NonNullable<PolicyInput['prepare']>,
  destinations: readonly Policy['destination'][],
  names: Names,
  findings: Finding[],
): PrepareHandler {
  const path = ['prepare', 'handler']
  if (isUrl(handler)) return { handler: secretUrl(handler), abort_on }
  if (!A_PATH.test(handler)) {
    findings.push({ path, message: '`handler` is neither a path nor a URL', hint: `a URL is written ${NO_USER}` })
    return { handler: secret(handler), abort_on }
  }
  for (const { registry } of destinations) {
    const found = registryNamed(registry, names)
    // A malformed destination has been reported already.
    if ('message' in found || found.url !== undefined) continue
    const message = `\`handler\` is a path, and the destination \`${registry}\` has no address`
    findings.push({ path, message, hint: 'write a whole URL' })
  }
  return { handler: secretUrl(handler), abort_on }
}

/** Commands with a `/` are relative to the file. `written` takes a path beside which `notify` stands. */
export function builtNotifications<On extends string>(
  notify: readonly NotificationInput<On>[],
  { directory, written }: Pick<PolicyNames, 'directory' | 'written'>,
  findings: Finding[],
): readonly (Channel & { readonly on: readonly On[] })[] {
  return notify.flatMap((one, index): (Channel & { readonly on: readonly On[] })[] => {
    const { on, webhook, slack, exec, secret: key } = one
    const path = ['notify', index]
    const ways = [webhook, slack, exec].filter((way) => way !== undefined)
    if (ways.length !== 1) {
      const message = `a notification has one of \`webhook\`, \`slack\` and \`exec\`${ways.length === 0 ? '' : ', not several'}`
      findings.push({ path, message, absence: ways.length === 0 })
      return []
    }
    if (key !== undefined && webhook === undefined) {
      findings.push({ path: [...path, 'secret'], atKey: true, message: '`secret` signs a `webhook`, and nothing else' })
    }
    const [command, ...rest] = exec ?? []
    if (command === '') findings.push({ path: [...path, 'exec'], message: '`exec` begins with an empty command' })
    if (command !== undefined) {
      const shown = (text: string, at: number): Secret => secret(text, written([...path, 'exec', at]) ?? text)
      const file = command.includes('/') ? resolve(directory, command) : command
      return [{ on, exec: [shown(file, 0), ...rest.map((argument, at) => shown(argument, at + 1))] }]
    }
    const url = webhook ?? slack ?? ''
    if (!isUrl(url)) {
      const name = webhook === undefined ? 'slack' : 'webhook'
      findings.push({ path: [...path, name], message: `\`${name}\` is not a URL`, hint: `a URL is written ${NO_USER}` })
      return []
    }
    if (webhook === undefined) return [{ on, slack: secretUrl(url) }]
    return [{ on, webhook: secretUrl(url), ...(key === undefined ? {} : { secret: secret(key) }) }]
  })
}
