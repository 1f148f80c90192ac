/** The registries of a regsync file: its `creds`. */

import { z } from 'zod'
import type { Draft, PlainMapping } from '../draft.ts'
import { literal, variableFor } from '../draft.ts'
import { below, type Origin } from '../foreign.ts'
import { knownHost } from '../image-name.ts'
import { noteWithout, type Without } from '../unknown.ts'
import { truth } from '../values.ts'
import { secretIn } from './template.ts'

const text = z.string().exactOptional()

export const hostSchema = z.strictObject({
  registry: z.string(),
  hostname: text,
  tls: z
    .string()
    .toLowerCase()
    .pipe(z.enum(['enabled', 'insecure', 'disabled']))
    .exactOptional(),
  regcert: text,
  clientCert: text,
  clientKey: text,
  user: text,
  pass: text,
  token: text,
  credHelper: text,
  credExpire: text,
  credHost: text,
  pathPrefix: text,
  mirrors: z.array(z.string()).exactOptional(),
  priority: text,
  repoAuth: truth.exactOptional(),
  api: text,
  apiOpts: z.unknown().exactOptional(),
  blobChunk: text,
  blobMax: text,
  reqPerSec: z
    .string()
    .regex(/^\d+(\.\d+)?$/, 'is not a number')
    .transform(Number)
    .exactOptional(),
  reqConcurrent: z.string().regex(/^\d+$/, 'is not a whole number').transform(Number).exactOptional(),
  scheme: z.enum(['http', 'https']).exactOptional(),
})

type Host = z.output<typeof hostSchema>

const WITHOUT: Without = {
  regcert: 'put the certificate into a file, and name that: `ca: ./ca.pem`',
  clientCert: 'put the certificate into a file, and name that: `client_cert: ./client.pem`',
  clientKey: 'put the key into a file, and name that: `client_key: ./client-key.pem`',
  token: 'set REPLICATE_<NAME>_TOKEN, or write a `credential` of `type: token`',
  credHelper: "name the helper in `credHelpers` of Docker's config.json, which is asked",
  credExpire: 'a helper is asked again when its answer is refused',
  credHost: "name that host in Docker's config.json",
  pathPrefix: 'write the prefix into the names of the repositories',
  mirrors: 'name the mirror as the registry, where it has everything',
  priority: 'there are no mirrors',
  repoAuth: 'nothing: tokens are asked for each repository',
  api: 'it is found out',
  apiOpts: 'it is found out',
  blobChunk: 'it follows from what the registry takes',
  blobMax: 'it follows from what the registry takes',
}

/** `reserves` are pulls to be left of a host's allowance. */
export function defineRegistries(
  draft: Draft,
  hosts: readonly Host[],
  at: Origin,
  reserves: ReadonlyMap<string, number>,
): void {
  const left = new Map(reserves)
  for (const [index, host] of hosts.entries()) {
    const key = knownHost(host.registry.replace(/^https?:\/\//, ''))
    noteWithout(draft, host, below(at, index), WITHOUT)
    const body = bodyOf(draft, host, key, left.get(key), below(at, index))
    left.delete(key)
    if (Object.keys(body).length > 0) draft.define(key, key, body, below(at, index))
  }
  for (const [key, reserve] of left) {
    if (reserve > 0)
      draft.define(
        key,
        key,
        { limits: { rate_limit_reserve: reserve } },
        { source: at.source, path: ['defaults', 'ratelimit'] },
      )
  }
}

function bodyOf(draft: Draft, host: Host, key: string, reserve: number | undefined, at: Origin): PlainMapping {
  const name = draft.nameFor(key)
  const isPlain = host.tls === 'disabled' || host.scheme === 'http' || host.registry.startsWith('http://')
  const hasUrl = host.hostname !== undefined || isPlain
  const limits = {
    ...(host.reqConcurrent ? { connections: host.reqConcurrent } : {}),
    ...(host.reqPerSec ? { requests_per_second: host.reqPerSec } : {}),
    ...(reserve ? { rate_limit_reserve: reserve } : {}),
  }
  return {
    ...(hasUrl ? { url: `${isPlain ? 'http' : 'https'}://${host.hostname ?? key}` } : {}),
    ...(host.tls === 'insecure' ? { insecure: true } : {}),
    ...(host.user === undefined
      ? {}
      : {
          credential: draft.credential(
            name,
            userOf(draft, name, host.user, below(at, 'user')),
            secretIn(host.pass ?? ''),
            below(at, 'pass'),
          ),
        }),
    ...(Object.keys(limits).length > 0 ? { limits } : {}),
  }
}

/** A name may come from the environment, too. */
function userOf(draft: Draft, name: string, user: string, at: Origin): string {
  const secret = secretIn(user)
  if (secret.in === 'variable') return draft.variable(secret.name, 'user')
  if (!user.includes('{{')) return literal(user)
  const variable = variableFor(name, 'USERNAME')
  draft.note(at, 'this template is not understood', `set ${variable}, or write \`username\``, ['registries', name])
  return draft.variable(variable, 'user')
}
