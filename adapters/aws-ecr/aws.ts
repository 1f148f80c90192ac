/** Asks AWS by its own client, which is loaded only then: signed, tried again when it is asked too often, checked. */

import type { z } from 'zod'
import type { AdapterTools } from '../../src/core/adapter.ts'
import { abortReason, sleep } from '../../src/core/cancel.ts'
import type { Context } from '../../src/core/context.ts'
import { ConfigurationError, RegistryError } from '../../src/core/errors.ts'
import type { Credential, Registry } from '../../src/core/registry.ts'
import { backoff } from '../../src/core/retry.ts'
import { ATTEMPTS } from '../../src/http/retry.ts'
import { type CallOptions, requestHandler } from './handler.ts'
import { type Asked, isMistimed, isThrottled, meaningOf, type Service } from './refusals.ts'

/** A call of AWS's client and the form of its answer. */
export interface Call<Client, T> extends Asked {
  readonly form: z.ZodType<T>
  send(client: Client, options: CallOptions): Promise<unknown>
}

export interface Aws<Client> {
  /** Throws a `CredentialError`, a `RegistryError` with the permission that is missing, or a `NetworkError`. */
  ask<T>(call: Call<Client, T>, ctx: Context): Promise<T>
  /** Whether there is something to sign with. Only content can be read and written without: by who is anonymous on purpose, or has
   *  nothing but the password of `docker login`. */
  isSigned(): Promise<boolean>
}

/** What every client of AWS has. */
interface AnyClient {
  readonly config: { readonly credentials: () => Promise<unknown> }
}

/** `connect` makes AWS's client once, when it is asked for the first time. */
export function openAws<Client extends AnyClient>(
  service: Service,
  registry: Registry,
  credential: () => Promise<Credential>,
  connect: (found: Credential) => Promise<Client>,
): Aws<Client> {
  let connecting: Promise<Client> | undefined
  let signed: Promise<boolean> | undefined

  function client(): Promise<Client> {
    const made = connecting ?? credential().then(connect)
    connecting = made
    made.catch(() => {
      connecting = undefined
    })
    return made
  }

  async function findSigned(): Promise<boolean> {
    const found = await credential()
    if (isNobody(found, registry)) return false
    if (!isPassword(found)) return true
    // The helper of Docker that made the password has found keys where AWS's own chain would.
    return (await client()).config.credentials().then(
      () => true,
      () => false,
    )
  }

  return {
    isSigned() {
      signed ??= findSigned()
      return signed
    },
    async ask({ operation, what, form, send }, ctx) {
      const options: CallOptions = { abortSignal: ctx.signal, ctx }
      for (let attempt = 1; ; attempt += 1) {
        try {
          const answer = client().then((made) => send(made, options))
          return checked(await orStopped(answer, ctx.signal), form, operation, what)
        } catch (error) {
          if (ctx.signal.aborted) throw abortReason(ctx.signal)
          const meaning = meaningOf(error, { operation, what }, service)
          const isAgain = isThrottled(error) || (attempt === 1 && isMistimed(error))
          if (!isAgain || attempt >= ATTEMPTS || !(meaning instanceof Error)) throw meaning
          const delay = backoff(attempt, Math.random)
          ctx.emit({ type: 'retry', what: operation, attempt: attempt + 1, delay, reason: meaning.message })
          await sleep(delay, ctx.signal)
        }
      }
    },
  }
}

/** What a client of AWS is made with. Without keys it looks for them in its own chain: environment, profile, role, machine. */
export function clientConfig(found: Credential, registry: Registry, api: AdapterTools['api']) {
  const keys = keysOf(found)
  const endpoint = textOption(registry, 'endpoint', (text) => URL.canParse(text), 'a URL')
  return {
    // Tried again above, where it is said and can be stopped.
    maxAttempts: 1,
    requestHandler: requestHandler(api),
    ...(keys ? { credentials: keys } : {}),
    ...(endpoint === undefined ? {} : { endpoint }),
  }
}

/** Throws a `ConfigurationError` where it is not such as AWS's client takes. */
export function textOption(
  { name, options }: Registry,
  option: string,
  isGood: (text: string) => boolean,
  what: string,
): string | undefined {
  const given = options?.[option]
  if (typeof given !== 'string' || isGood(given)) return typeof given === 'string' ? given : undefined
  throw new ConfigurationError(`registry ${name}: \`${option}\` is not ${what}: ${JSON.stringify(given)}`)
}

/** Of an access key; `REPLICATE_<NAME>_USERNAME` and `_PASSWORD` hold one, too. */
function keysOf(found: Credential) {
  if (found.kind === 'access_key') {
    const session = found.session === undefined ? {} : { sessionToken: found.session }
    return { accessKeyId: found.id, secretAccessKey: found.secret, ...session }
  }
  if (found.kind !== 'basic' || isPassword(found)) return undefined
  return { accessKeyId: found.username, secretAccessKey: found.password }
}

/** The user name of every password that ECR gives out. */
export const ECR_USER = 'AWS'

/** True for what `docker login` was given: a password of the registry, and nothing that signs. */
export function isPassword(found: Credential): boolean {
  return found.kind === 'basic' && found.username === ECR_USER
}

/** True for who is nobody on purpose. */
export function isNobody(found: Credential, { credential }: Registry): boolean {
  return found.kind === 'anonymous' && credential?.type === 'anonymous'
}

/** AWS's chain of credentials may run a program or wait for a machine, and hears of no signal. */
function orStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(abortReason(signal))
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

function checked<T>(answer: unknown, form: z.ZodType<T>, operation: string, what: string): T {
  const parsed = form.safeParse(answer)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const place = issue?.path.length ? `${issue.path.join('.')}: ` : ''
  const why = `cannot ${what}: its answer has another form (${place}${issue?.message})`
  throw new RegistryError(why, { status: 200, method: 'POST', path: `/#${operation}` })
}
