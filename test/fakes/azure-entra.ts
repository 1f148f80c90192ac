/** Who gives out tokens of Entra: the login server, the metadata service of a machine, and that of App Service. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export const PRINCIPAL = {
  tenant: 'tenant-1',
  client: 'app-1',
  secret: 'principal-secret',
  assertion: 'workload-token',
} as const
export const ENTRA_TOKEN = 'entra.access.token'
export const HEADER = 'service-secret'
const AUDIENCE = 'https://containerregistry.azure.net'

export interface FakeEntra {
  readonly url: string
  readonly requests: readonly string[]
  close(): Promise<void>
}

/** `identity: false`: the machine has none; `hang`: the metadata service never answers. */
export async function startEntra(
  options: { readonly identity?: boolean; readonly hang?: boolean } = {},
): Promise<FakeEntra> {
  const requests: string[] = []
  const refusal = (status: number, error: string, error_description: string) => ({
    status,
    body: { error, error_description },
  })
  const token = { status: 200, body: { token_type: 'Bearer', expires_in: 3599, access_token: ENTRA_TOKEN } }

  function login(form: URLSearchParams) {
    if (form.get('grant_type') !== 'client_credentials' || form.get('client_id') !== PRINCIPAL.client)
      return refusal(
        400,
        'unauthorized_client',
        "AADSTS700016: Application with identifier 'x' was not found\r\nTrace ID: 1",
      )
    if (form.get('scope') !== `${AUDIENCE}/.default`)
      return refusal(400, 'invalid_scope', 'AADSTS70011: the scope is not valid')
    const byAssertion =
      form.get('client_assertion_type') === 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' &&
      form.get('client_assertion') === PRINCIPAL.assertion
    return byAssertion || form.get('client_secret') === PRINCIPAL.secret
      ? token
      : refusal(401, 'invalid_client', 'AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1')
  }

  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://entra')
    requests.push(`${request.method} ${url.pathname}`)
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const form = new URLSearchParams(Buffer.concat(chunks).toString('utf8'))
    const isForRegistries = url.searchParams.get('resource') === AUDIENCE
    let answer: { readonly status: number; readonly body: unknown } = { status: 404, body: {} }
    if (request.method === 'POST' && url.pathname === `/${PRINCIPAL.tenant}/oauth2/v2.0/token`) answer = login(form)
    if (url.pathname === '/metadata/identity/oauth2/token') {
      if (options.hang) return
      const isAsked = request.headers.metadata === 'true' && url.searchParams.get('api-version') === '2018-02-01'
      if (!isAsked || !isForRegistries)
        answer = refusal(400, 'invalid_request', 'Required metadata header not specified')
      else if (options.identity === false) answer = refusal(400, 'invalid_request', 'Identity not found')
      else answer = token
    }
    if (url.pathname === '/msi/token') {
      const isAsked = request.headers['x-identity-header'] === HEADER && url.searchParams.has('api-version')
      answer = isAsked && isForRegistries ? token : refusal(401, 'unauthorized', 'no')
    }
    response.writeHead(answer.status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answer.body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
