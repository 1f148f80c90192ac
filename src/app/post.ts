/** What handlers and notifications use: a way to post to strangers and registries, and the environment of commands. */

import type { Context } from '../core/context.ts'
import { CredentialError, ReplicateError } from '../core/errors.ts'
import type { HttpClient, HttpResponse, Post } from '../core/http.ts'
import { createHttpClient } from '../http/client.ts'
import { proxyFromEnvironment } from '../http/proxy/address.ts'
import type { Redactor } from '../http/redact.ts'
import { refusal } from '../http/refusal.ts'
import { authoritiesFrom } from '../http/trust/authorities.ts'
import type { Connections, Timing } from './connections.ts'

export interface PostOptions {
  readonly connections: Pick<Connections, 'http'>
  readonly env: Readonly<Record<string, string | undefined>>
  readonly redactor: Redactor
  readonly userAgent: string
  readonly timing?: Timing | undefined
  readonly trace?: boolean | undefined
}

const SUCCESS = [200, 201, 202, 203, 204, 205, 206] as const

export function createPost({ connections, env, redactor, userAgent, timing, trace }: PostOptions): Post {
  const redact = (text: string): string => redactor.text(text)

  /** A client without any registry's credential. The address itself may be a secret. */
  function strangerTo(url: URL): HttpClient {
    const secrets = (secret: string): void => redactor.add(secret)
    const proxy = proxyFromEnvironment(url.href, env)
    const credential = async () => ({ kind: 'anonymous', origin: 'none' }) as const
    const authorities = authoritiesFrom(env)
    const client = { url: url.origin, host: url.host, credential, proxy, authorities, userAgent, secrets, redact }
    return createHttpClient({ ...client, ...timing, trace: trace ? 'host' : undefined })
  }

  return async ({ url, registry, headers, body, answers = [] }, ctx) => {
    // A webhook's path is often as good as a password.
    const { search } = new URL(url, registry?.url)
    const hidden = registry ? search && new URL(search, 'path://only') : new URL(url)
    for (const part of hidden ? secretParts(hidden) : []) redactor.add(part)
    const client = registry ? await connections.http(registry) : strangerTo(new URL(url))
    // The first 401 of a registry is a challenge; a stranger's is its answer, since there is no credential for it.
    const expect = [...SUCCESS, ...answers, 401].filter((status) => !registry || status !== 401)
    try {
      if (registry) await learnSignature(client, ctx)
      const sent = { method: 'POST', url, headers, body: Buffer.from(body), expect, retry: false } as const
      return await answerOf(await client.request(sent, ctx), answers)
    } catch (error) {
      if (!(error instanceof CredentialError && answers.includes(401))) throw error
      return { status: 401, text: error.message }
    } finally {
      if (!registry) await client.close()
    }
  }

  /** A registry's challenge says how to sign. Until it is known nothing is sent along, and a handler may refuse that without a challenge. */
  async function learnSignature(client: HttpClient, ctx: Context): Promise<void> {
    try {
      await (await client.request({ method: 'GET', url: '/v2/' }, ctx)).discard()
    } catch (error) {
      // The answer says what is wrong with the credential.
      if (!(error instanceof ReplicateError)) throw error
    }
  }

  async function answerOf(response: HttpResponse, answers: readonly number[]) {
    const { status } = response
    if (status < 300 && !answers.includes(status)) {
      await response.discard()
      return { status, text: String(status) }
    }
    const error = await refusal(response, { method: 'POST', path: '', redact, now: Date.now() })
    if (answers.includes(status)) return { status, text: error.message }
    throw error
  }
}

/** What an answer may repeat of an address that is a secret: the whole, and what looks like a token in it. */
function secretParts({ href, pathname, search }: URL): readonly string[] {
  const words = `${pathname}${search}`.split(/[^\w~-]+/)
  return [href, ...words.filter((word) => word.length >= 8 && /\d/.test(word))]
}

type Environment = Readonly<Record<string, string | undefined>>

/** Ours may hold credentials (`REPLICATE_NAME_PASSWORD`); these two say where the command finds the same configuration and history. */
const KEPT: ReadonlySet<string> = new Set(['REPLICATE_CONFIG', 'REPLICATE_HOME'])

/** The user's environment without the program's secrets. `home` is the directory of the history. Call it late: the redactor then knows every
 *  secret of the run. */
export function commandEnvironment(env: Environment, home: string, redactor: Redactor): Environment {
  const isOpen = ([name, value]: readonly [string, string | undefined]): boolean => {
    if (value === undefined || name === 'DOCKER_AUTH_CONFIG') return false
    if (name.startsWith('REPLICATE_') && !KEPT.has(name)) return false
    return redactor.text(value) === value
  }
  return { ...Object.fromEntries(Object.entries(env).filter(isOpen)), REPLICATE_HOME: home }
}
