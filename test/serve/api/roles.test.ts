/** Every role on every operation of the document: a new one cannot be forgotten. */

import { expect, test } from 'vitest'
import { mayDo, ROLES, type Role } from '../../../src/core/role.ts'
import { startApi } from '../../../src/serve/api/api.ts'
import { daemonDouble } from '../daemon-double.ts'
import { apiDocument, operationsOf } from './document.ts'

const tokenOf = (role: string): string => `token-of-the-${role}`.padEnd(24, '-')

const YAML = `
serve:
  tokens:
${ROLES.map((role) => `    - { name: ${role}, token: "\${TOKEN_${role.toUpperCase()}}", role: ${role}${role === 'maintainer' ? ', namespaces: [team]' : ''} }`).join('\n')}
`

/** What the API says, without what streams send after their head. */
async function called(url: string, method: string, path: string, token: string | undefined): Promise<string> {
  const leaving = new AbortController()
  // Nothing of that name is there.
  const filled = path.replaceAll(/\{(id|task)\}/g, '999').replaceAll(/\{\w+\}/g, 'none')
  const answer = await fetch(`${url}${filled}`, {
    method,
    signal: leaving.signal,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  })
  try {
    if (![401, 403].includes(answer.status)) return 'let in'
    const { code, message } = (await answer.json()) as { readonly code: string; readonly message: string }
    return `${answer.status} ${code}: ${message}`
  } finally {
    leaving.abort()
  }
}

async function listening(): Promise<string> {
  const env = Object.fromEntries(ROLES.map((role) => [`TOKEN_${role.toUpperCase()}`, tokenOf(role)]))
  const daemon = await daemonDouble(YAML, {}, env)
  await startApi(daemon)
  return daemon.http.listen({ host: '127.0.0.1', port: 0 })
}

test.each(ROLES)('a %s may do what the document says, and nothing else', async (role: Role) => {
  const url = await listening()
  for (const { method, path, 'x-role': needed } of operationsOf(await apiDocument())) {
    const what = `${method} ${path} needs ${needed}`
    const said = await called(url, method, path, tokenOf(role))
    const may = needed === 'anyone' || ROLES.some((one) => one === needed && mayDo(role, one))
    // Who may come in anyway is asked for the header of the page there.
    if (needed === 'anyone') expect(said, what).not.toMatch(/this needs the role/)
    else if (may) expect(said, what).toBe('let in')
    else expect(said, what).toBe(`403 forbidden: this needs the role ${needed}, and ${role} has ${role}`)
  }
})

test('without a token, or with a wrong one, nothing is done', async () => {
  const url = await listening()
  for (const { method, path, 'x-role': needed } of operationsOf(await apiDocument())) {
    if (needed === 'anyone') continue
    expect(await called(url, method, path, undefined), `${method} ${path}`).toMatch(/^401 unauthorized: /)
  }
  expect(await called(url, 'GET', '/api/session', 'x'.repeat(24))).toMatch(/^401 unauthorized: /)
})
