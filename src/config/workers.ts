/** What a file says of workers on other machines: the queue that they take tasks from. */

import { resolve } from 'node:path'
import { isLoopback } from '../core/registry.ts'
import { escapedUserinfo, type Secret, secret, withoutUserinfo } from '../core/secret.ts'
import type { Finding } from './source.ts'
import { filled, flag, formed, mapping } from './values.ts'

export const workersSchema = mapping(
  {
    queue: filled(
      'Redis or Valkey, as `rediss://HOST:PORT/DATABASE`; `redis://` anywhere but on loopback needs `insecure: true`',
    ),
    name: formed(
      'Workers take the tasks of runs that have the same name; default replicate',
      /^[\w.-]{1,64}$/,
      'a name of letters, digits, `.`, `_` and `-`',
    ).default('replicate'),
    prefix: formed(
      'What the keys in Redis begin with, where several installations share one; default replicate',
      /^[\w.-]{1,64}$/,
      'a name of letters, digits, `.`, `_` and `-`',
    ).default('replicate'),
    ca: filled("A PEM file of extra trust for the queue's server, relative to this file").exactOptional(),
    client_cert: filled("A PEM file with the certificate that is shown to the queue's server").exactOptional(),
    client_key: filled('Its key').exactOptional(),
    insecure: flag('Talk to `redis://` on another machine without TLS', false),
  },
  'Machines that take tasks of `run --workers` and `serve`, and read blobs for `verify --full --workers`',
)

export interface WorkersSettings {
  /** The URL, which may hold a password. */
  readonly queue: Secret
  /** The URL without a user or a password. */
  readonly shown: string
  readonly name: string
  readonly prefix: string
  /** Absolute paths of PEM files. */
  readonly ca?: string
  readonly client_cert?: string
  readonly client_key?: string
}

export interface BuiltWorkers {
  readonly value: WorkersSettings
  readonly findings: readonly Finding[]
  /** The password in the URL. */
  readonly secrets: readonly string[]
}

/** Paths are relative to `directory`. The value may be used only if there are no findings. A variable in the URL that is not set may stand for itself. */
export function builtWorkers(input: unknown, directory: string): BuiltWorkers | undefined {
  // What is wrong with its form was reported with the whole file.
  const parsed = workersSchema.safeParse(input)
  if (!parsed.success) return undefined
  const { name, prefix, insecure, ca, client_cert, client_key } = parsed.data
  const queue = escapedUserinfo(parsed.data.queue)
  const findings: Finding[] = []
  const path = ['workers', 'queue']
  const url = /^rediss?:\/\/[^\s]+$/i.test(queue) && URL.canParse(queue) ? new URL(queue) : undefined
  const isUnset = queue.includes('${')
  if (!isUnset && (!url || url.hostname === '' || !/^(\/\d*)?$/.test(url.pathname) || url.search !== '')) {
    const message = '`queue` is not a URL such as `rediss://queue.example.com:6379/0`'
    findings.push({ path, message, hint: 'a password in it comes from the environment' })
  } else if (url?.protocol === 'redis:' && !isLoopback(url.hostname) && !insecure) {
    const message = `\`redis://\` sends tasks and passwords to ${url.hostname} without TLS`
    findings.push({ path, message, hint: 'write `rediss://`, or say `insecure: true` where the network is trusted' })
  }
  if ((client_cert === undefined) !== (client_key === undefined)) {
    const [given, missing] = client_cert === undefined ? ['client_key', 'client_cert'] : ['client_cert', 'client_key']
    findings.push({ path: ['workers', given], atKey: true, message: `\`${given}\` needs \`${missing}\` beside it` })
  }
  const password = url?.password ?? ''
  return {
    value: {
      queue: secret(queue),
      shown: withoutUserinfo(queue, ''),
      name,
      prefix,
      ...(ca === undefined ? {} : { ca: resolve(directory, ca) }),
      ...(client_cert === undefined ? {} : { client_cert: resolve(directory, client_cert) }),
      ...(client_key === undefined ? {} : { client_key: resolve(directory, client_key) }),
    },
    findings,
    secrets: password === '' ? [] : [queue, password, decoded(password)],
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
