/** Signs each request with the credential that is for its repository: a login may be for a part of a registry only. */

import type { Context } from '../../core/context.ts'
import type { PartCredential } from '../../core/registry.ts'
import { type Authenticator, type AuthenticatorOptions, createAuthenticator, shared } from './auth.ts'

export interface PartOptions extends AuthenticatorOptions {
  /** Credentials for parts of the registry; of those that fit the first counts. Called once. */
  readonly parts?: (() => Promise<readonly PartCredential[]>) | undefined
}

/** What is for no repository, such as the catalogue, is signed for the whole registry, or where that is anonymous, by the first part. */
export function createPartAuthenticator(options: PartOptions): Authenticator {
  const whole = createAuthenticator(options)
  const { parts } = options
  if (!parts) return whole
  const made = new Map<PartCredential, Authenticator>()
  let known: Promise<readonly PartCredential[]> | undefined

  async function listed(find: () => Promise<readonly PartCredential[]>): Promise<readonly PartCredential[]> {
    const asked = known ?? find()
    known = asked
    asked.catch(() => {
      if (known === asked) known = undefined
    })
    return asked
  }

  /** The search may hang in a helper that never answers: who is stopped does not wait for it. */
  async function of(scopes: readonly string[], ctx?: Context): Promise<Authenticator> {
    const asked = parts ? listed(parts) : Promise.resolve([])
    const found = await (ctx ? shared(asked, ctx.signal) : asked)
    const [first] = found
    if (!first) return whole
    const repository = scopes.map((scope) => /^repository:(.+):[^:]*$/.exec(scope)?.[1]).find(Boolean)
    const part =
      repository === undefined
        ? (await options.credential()).kind === 'anonymous' && first
        : found.find(({ prefix }) => prefix === '' || `${repository}/`.startsWith(`${prefix}/`))
    if (!part) return whole
    const auth = made.get(part) ?? createAuthenticator({ ...options, credential: async () => part.credential })
    made.set(part, auth)
    return auth
  }

  return {
    authorization: async (scopes, ctx, anew) => (await of(scopes, ctx)).authorization(scopes, ctx, anew),
    renew: async (refused, ctx) => (await of(refused.scopes, ctx)).renew(refused, ctx),
    expired: async (refused, ctx) => (await of(refused.scopes, ctx)).expired(refused, ctx),
    rejected: async (refused) => (await of(refused.scopes)).rejected(refused),
    forbiddenHint: async (scopes) => (await of(scopes)).forbiddenHint(scopes),
  }
}
