/** Who gives out Google's access tokens: for signed assertions, for refresh tokens of users, and to machines. */

import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface FakeGoogle {
  readonly url: string
  readonly requests: readonly string[]
  /** Who holds an access token; undefined for one that was never issued. */
  holder(token: string): string | undefined
  /** Nothing that was given until now is good. */
  expire(): void
  /** A key file as it is downloaded. */
  keyFile(account?: string): string
  userFile(): string
  close(): Promise<void>
}

const EMAIL = 'mirror@proj.iam.gserviceaccount.com'
const TOKENS = 'https://oauth2.googleapis.com/token'
const SCOPE = 'https://www.googleapis.com/auth/cloud-platform'
const PAIR = generateKeyPairSync('rsa', { modulusLength: 2048 })
export const OTHER_KEY = generateKeyPairSync('rsa', { modulusLength: 2048 })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString()
const USER = { client_id: 'client-1', client_secret: 'client-secret', refresh_token: 'refresh-1' } as const

/** `hang`: the metadata service never answers. */
export async function startGoogle(options: { readonly hang?: boolean } = {}): Promise<FakeGoogle> {
  const requests: string[] = []
  const holders = new Map<string, string>()

  function given(holder: string) {
    const access_token = `ya29.${holders.size}.${Math.random()}`
    holders.set(access_token, holder)
    return { status: 200, body: { access_token, expires_in: 3599, token_type: 'Bearer' } }
  }
  const refused = (error_description: string) => ({ status: 400, body: { error: 'invalid_grant', error_description } })

  function token(form: URLSearchParams) {
    if (form.get('grant_type') === 'refresh_token') {
      const isRight = Object.entries(USER).every(([name, value]) => form.get(name) === value)
      return isRight ? given('user') : refused('Token has been expired or revoked.')
    }
    if (form.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:jwt-bearer') return refused('unknown grant')
    const [header = '', payload = '', signature = ''] = (form.get('assertion') ?? '').split('.')
    const signed = Buffer.from(`${header}.${payload}`)
    const { alg } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { alg: string }
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>
    const isSigned = verify('RSA-SHA256', signed, createPublicKey(PAIR.privateKey), Buffer.from(signature, 'base64url'))
    if (alg !== 'RS256' || !isSigned) return refused('Invalid JWT Signature.')
    const { iss, aud, scope, exp, iat } = claims
    if (aud !== TOKENS || scope !== SCOPE || typeof iss !== 'string') return refused('Invalid JWT: audience or scope')
    if (Number(exp) - Number(iat) > 3600 || Math.abs(Number(iat) * 1000 - Date.now()) > 60_000)
      return refused('Invalid JWT: Token must be a short-lived token')
    return given(iss)
  }

  const server = createServer(async (request, response) => {
    const path = request.url ?? '/'
    requests.push(`${request.method} ${path}`)
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const form = new URLSearchParams(Buffer.concat(chunks).toString('utf8'))
    let answer: { readonly status: number; readonly body: unknown } = { status: 404, body: {} }
    if (request.method === 'POST' && path === '/token') {
      const isForm = /^application\/x-www-form-urlencoded/.test(request.headers['content-type'] ?? '')
      answer = isForm ? token(form) : refused('no form')
    }
    if (path === '/computeMetadata/v1/instance/service-accounts/default/token') {
      if (options.hang) return
      answer = request.headers['metadata-flavor'] === 'Google' ? given('machine') : { status: 403, body: {} }
    }
    response.writeHead(answer.status, { 'content-type': 'application/json', 'metadata-flavor': 'Google' })
    response.end(JSON.stringify(answer.body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    requests,
    holder: (access) => holders.get(access),
    expire: () => holders.clear(),
    keyFile: (account = EMAIL) =>
      JSON.stringify({
        type: 'service_account',
        project_id: 'proj',
        private_key_id: 'key-1',
        private_key: PAIR.privateKey.export({ type: 'pkcs8', format: 'pem' }),
        client_email: account,
        token_uri: `${url}/token`,
      }),
    userFile: () => JSON.stringify({ type: 'authorized_user', ...USER, token_uri: `${url}/token` }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
