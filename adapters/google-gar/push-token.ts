/** Checks the token with which Pub/Sub signs its deliveries: by Google's keys, for this hook, from the service account that was named.
 *
 *  https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions */

import { z } from 'zod'
import type { Adapter, AdapterTools } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { ConfigurationError, CredentialError } from '../../src/core/errors.ts'
import type { Registry } from '../../src/core/registry.ts'
import { askJson } from '../../src/oci/registry/pages.ts'

const KEYS = 'https://www.googleapis.com/oauth2/v1/certs'
const ISSUERS = ['https://accounts.google.com', 'accounts.google.com']
/** Certificates in PEM by their names. */
const CERTIFICATES = z.record(z.string(), z.string())
/** Milliseconds. Google's keys change every few days; a token may name any key, so that strangers could have them asked for. */
const KEYS_LAST = 6 * 3_600_000
const ASKED_AT_MOST_EVERY = 60_000
const LONGEST_TOKEN = 8192

/** Absent where the registry names no service account. */
export function pushTokens(registry: Registry, { api }: AdapterTools): Pick<Adapter, 'verifyDelivery'> {
  const { hook_service_account: account, hook_audience: audience, keys_url: keys = KEYS } = registry.options ?? {}
  if (account === undefined) return {}
  const find = certificates(String(keys), api)
  return {
    async verifyDelivery({ authorization = '' }, ctx) {
      if (audience === undefined) {
        throw new ConfigurationError(`registry ${registry.name}: \`options.hook_audience\` is missing`, {
          hint: 'it is the audience of the push subscription: what was given there, else the URL of its endpoint',
        })
      }
      const [, token = ''] = /^bearer (\S+)$/i.exec(authorization) ?? []
      if (token === '' || token.length > LONGEST_TOKEN) {
        throw new CredentialError('the delivery carries no token of Google', {
          hint: 'enable authentication in the push subscription',
          missing: authorization === '',
        })
      }
      const email = await emailIn(token, await find(keyOf(token), ctx), String(audience))
      if (email !== account) {
        throw new CredentialError(`the token of the delivery is not of the service account ${account}`, {
          hint: 'let the push subscription use it, or change `options.hook_service_account`',
        })
      }
    },
  }
}

/** Asks again for a key that is not there, but seldom: the token of a stranger names it. */
function certificates(url: string, api: AdapterTools['api']) {
  const { origin, pathname, search } = new URL(url)
  let known: Promise<z.infer<typeof CERTIFICATES>> | undefined
  let asked = Number.NEGATIVE_INFINITY
  return async (key: string, ctx: Context): Promise<z.infer<typeof CERTIFICATES>> => {
    const age = performance.now() - asked
    const isStale = known === undefined || age > KEYS_LAST
    if (isStale || (age > ASKED_AT_MOST_EVERY && !Object.hasOwn((await known) ?? {}, key))) {
      asked = performance.now()
      const http = api({ url: origin, name: 'keys', credential: async () => ({ kind: 'anonymous', origin: 'none' }) })
      const asking = askJson(http, { url: `${pathname}${search}` }, CERTIFICATES, 'keys of Google', ctx)
      known = asking.then(({ value }) => value)
      known.catch(() => {
        known = undefined
      })
    }
    return (await known) ?? {}
  }
}

/** The name of the key that signed it. */
function keyOf(token: string): string {
  try {
    const head: unknown = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString())
    return z.looseObject({ kid: z.string() }).safeParse(head).data?.kid ?? ''
  } catch {
    return ''
  }
}

/** Of the token's account. The library's errors quote the token: none is kept as a cause. */
async function emailIn(token: string, keys: z.infer<typeof CERTIFICATES>, audience: string): Promise<string> {
  const { OAuth2Client } = await import('google-auth-library')
  let why = ''
  const ticket = await new OAuth2Client()
    .verifySignedJwtWithCertsAsync(token, keys, audience, ISSUERS)
    .catch((error) => {
      why = error instanceof Error ? error.message : ''
      return undefined
    })
  const { email, email_verified: isVerified } = ticket?.getPayload() ?? {}
  if (email !== undefined && isVerified === true) return email
  throw new CredentialError(`the token of the delivery was refused: ${reasonOf(why)}`)
}

function reasonOf(why: string): string {
  if (/too late/.test(why)) return 'it has expired'
  if (/too early|too far/.test(why)) return 'its times are wrong; or the clock of this machine is'
  if (/audience|recipient/.test(why)) return 'it is for another audience than `options.hook_audience`'
  if (/issuer/.test(why)) return 'Google did not issue it'
  return 'Google did not sign it'
}
