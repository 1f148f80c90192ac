/** Asks a cloud's own API with a key: each attempt is signed when it is sent, and refusals are told for what they are, whatever status they
 *  come with. */

import type { z } from 'zod'
import type { AdapterTools } from '../src/core/adapter.ts'
import type { Context } from '../src/core/context.ts'
import { CredentialError, RegistryError } from '../src/core/errors.ts'
import { foreignName, parseJson } from '../src/core/foreign.ts'
import type { HttpRequest, HttpResponse } from '../src/core/http.ts'
import { plural } from '../src/core/plural.ts'
import type { Credential } from '../src/core/registry.ts'
import { malformedAnswer } from '../src/oci/registry/listing.ts'
import { restated } from '../src/oci/registry/restate.ts'
import { createPace } from './pace.ts'

/** An access key of a cloud. */
export interface CloudKey {
  readonly id: string
  readonly secret: string
  /** The token of a temporary key. */
  readonly session?: string
}

/** Of an access key; `REPLICATE_<NAME>_USERNAME` and `_PASSWORD` hold one, too. Undefined for user names like `login`, which belong to the
 *  registry alone, and for what is no key. */
export function keyOf(found: Credential, login: RegExp): CloudKey | undefined {
  if (found.kind === 'access_key') {
    const { id, secret, session } = found
    return { id, secret, ...(session === undefined ? {} : { session }) }
  }
  if (found.kind !== 'basic' || login.test(found.username)) return undefined
  return { id: found.username, secret: found.password }
}

/** A request as it is signed. */
export interface UnsignedRequest {
  readonly method: HttpRequest['method']
  readonly url: URL
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  /** Empty where there is none. */
  readonly body: Uint8Array
}

/** What an answer says that refuses. */
export interface CloudRefusal {
  /** Empty where the answer has none. */
  readonly code: string
  readonly message: string
}

export interface CloudFacts {
  /** For messages: `Volcengine`. */
  readonly name: string
  /** Where the API answers, without a trailing slash. */
  readonly url: string
  /** The headers that sign a request at a time. */
  sign(request: UnsignedRequest, key: CloudKey, now: Date): Readonly<Record<string, string>>
  /** Undefined for a body that refuses nothing. An answer may refuse although its status is 200. */
  refusalIn(body: unknown): CloudRefusal | undefined
  /** Which codes mean what, whatever the status; a status says the rest. */
  readonly codes: Readonly<Partial<Record<'wrong' | 'denied' | 'missing' | 'taken' | 'throttled', RegExp>>>
  /** What to do about a missing permission. */
  permission(operation: string): string
  /** What to do about other refusals, by their codes. */
  readonly hints?: readonly (readonly [RegExp, string])[]
}

export interface CloudCall<T> {
  readonly method?: HttpRequest['method']
  /** With its query. */
  readonly path: string
  /** Sent as JSON. */
  readonly body?: unknown
  /** Lower-case names, such as one for the operation. */
  readonly headers?: Readonly<Record<string, string>>
  /** As the cloud names it, for permissions: `ListTags`. */
  readonly operation: string
  /** For messages: `list the tags of team/app`. */
  readonly what: string
  readonly form: z.ZodType<T>
}

export interface Cloud {
  /** Throws a `CredentialError`, a `RegistryError` with the permission that is missing, or a `NetworkError`. */
  ask<T>(call: CloudCall<T>, ctx: Context): Promise<{ readonly value: T; readonly response: HttpResponse }>
}

/** Statuses with a body that may say why; after all others the client asks again, or explains by itself. */
const ANSWERS = [200, 201, 202, 204, 400, 401, 403, 404, 405, 406, 409, 412, 413, 422]
/** Of a request that is one too many; a pace is found after a few. */
const MOST_ATTEMPTS = 12
/** In bytes. */
const ANSWER_SIZE = 64 * 1024 * 1024
const JSON_TYPE = 'application/json; charset=utf-8'

export function openCloud(
  facts: CloudFacts,
  key: () => Promise<CloudKey>,
  api: AdapterTools['api'],
  pace = createPace(),
): Cloud {
  const { url } = facts
  const http = api({ url, name: 'signed', credential: async () => ({ kind: 'anonymous', origin: facts.name }) })

  async function once<T>(call: CloudCall<T>, ctx: Context): Promise<{ value: T; response: HttpResponse }> {
    const { method = 'GET', path, what, form } = call
    const body = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body))
    const headers = { 'content-type': JSON_TYPE, accept: 'application/json', ...call.headers }
    const unsigned = { method, url: new URL(url + path), headers, body: body ?? new Uint8Array() }
    const signer = await key()
    const response = await http
      .request(
        {
          ...{ method, url: path, headers, expect: ANSWERS, whole: ANSWER_SIZE, redirect: false },
          ...(body ? { body } : {}),
          sign: () => facts.sign(unsigned, signer, new Date()),
        },
        ctx,
      )
      .catch((error: unknown) => {
        if (!(error instanceof RegistryError)) throw error
        const known = hintFor(facts, `${error.codes.join(' ')} ${error.message}`)
        throw restated(error, `cannot ${what}: ${error.message}`, known ?? error.hint)
      })
    const value = jsonOf(Buffer.from(await response.bytes(ANSWER_SIZE)).toString('utf8'))
    const refused = facts.refusalIn(value)
    if (refused || response.status >= 400) throw meaningOf(facts, call, refused, response)
    const parsed = form.safeParse(value)
    if (parsed.success) return { value: parsed.data, response }
    const [issue] = parsed.error.issues
    const place = issue?.path.length ? `${issue.path.join('.')}: ` : ''
    throw malformedAnswer(what, path, `its answer has another form (${place}${issue?.message})`)
  }

  return {
    async ask(call, ctx) {
      for (let attempt = 1; ; attempt += 1) {
        const since = await pace.turn(ctx.signal)
        try {
          const answer = await once(call, ctx)
          pace.answered()
          return answer
        } catch (error) {
          // The client has asked again for what came with the status 429.
          if (!(error instanceof Throttled) || attempt >= MOST_ATTEMPTS) throw error
          const delay = pace.refused(since)
          ctx.emit({ type: 'retry', what: call.operation, attempt: attempt + 1, delay, reason: error.message })
        }
      }
    },
  }
}

/** Refused by its code for having asked too often. */
class Throttled extends RegistryError {}

/** Undefined for what is not JSON. */
function jsonOf(text: string): unknown {
  try {
    return text === '' ? undefined : parseJson(text)
  } catch {
    return undefined
  }
}

const LONGEST_REASON = 500

function hintFor({ hints = [] }: CloudFacts, words: string): string | undefined {
  return hints.find(([known]) => known.test(words))?.[1]
}

function meaningOf(
  facts: CloudFacts,
  { method = 'GET', path, what, operation }: CloudCall<unknown>,
  refused: CloudRefusal | undefined,
  { status, headers }: Pick<HttpResponse, 'status' | 'headers'>,
): Error {
  const { name, codes, permission } = facts
  const { code = '', message = '' } = refused ?? {}
  const told = line(message)
  const why = code ? `${foreignName(line(code))}${told ? ` (${told})` : ''}` : told || String(status)
  const is = (kind: keyof CloudFacts['codes']): boolean => code !== '' && codes[kind]?.test(code) === true
  if (is('wrong') || (status === 401 && !is('denied'))) {
    return new CredentialError(`${name} refused the access key: ${why}`, {
      hint:
        clockHint(headers.date) ??
        'check the access key and its secret, also that the clock of this machine is right; a temporary key needs the token of its session, too',
    })
  }
  const details = { method, path, codes: code ? [foreignName(line(code))] : [] }
  const text = `cannot ${what}: ${why}`
  if (is('throttled')) {
    const hint = 'lower `limits.requests_per_second` of this registry'
    return new Throttled(text, { ...details, status: 429, hint })
  }
  if (is('denied') || status === 403)
    return new RegistryError(text, { ...details, status: 403, hint: permission(operation) })
  const known = is('missing') ? 404 : is('taken') ? 409 : status
  const hint = hintFor(facts, `${code} ${message}`)
  return new RegistryError(text, { ...details, status: known, hint, retryable: false })
}

/** Minutes by which clocks may differ: signatures with an older date are refused. */
const MOST_SKEW = 5

/** Undefined where the clocks agree, or the answer has no date. */
function clockHint(date: string | undefined): string | undefined {
  const minutes = Math.round((Date.parse(date ?? '') - Date.now()) / 60_000)
  if (!(Math.abs(minutes) >= MOST_SKEW)) return undefined
  return `set the clock of this machine: it is ${plural(Math.abs(minutes), 'minute')} ${minutes > 0 ? 'slow' : 'fast'}, and a signature holds for a few`
}

/** One line without control characters, which a terminal would obey. */
function line(text: string): string {
  return text
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .slice(0, LONGEST_REASON)
}
