/** Asks the API of a daemon, and holds each answer against the document that the API gives of itself. */

import { undescribed } from './document.ts'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  // What the API answers is checked against its own document.
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for
  readonly body: any
}

export interface Asked {
  readonly token?: string | undefined
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export type Ask = (method: string, path: string, asked?: Asked) => Promise<Answer>

/** `path` below /api; with `token` unless another one is given. Throws for an answer that the document does not describe. */
export function apiClient(url: string, token?: string): Ask {
  return async (method, path, asked = {}) => {
    const bearer = 'token' in asked ? asked.token : token
    const answer = await fetch(`${url}/api${path}`, {
      method,
      headers: {
        ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
        ...(asked.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...asked.headers,
      },
      ...(asked.body === undefined ? {} : { body: JSON.stringify(asked.body) }),
    })
    const text = await answer.text()
    const body = parsed(answer.headers.get('content-type') ?? '', text)
    const { status, headers } = answer
    const lack = await undescribed(method, path, { status, type: headers.get('content-type'), body })
    if (lack !== undefined) throw new Error(lack)
    return { status, headers, body }
  }
}

/** Of lines of JSON a list of them. */
function parsed(type: string, text: string): unknown {
  if (type.includes('x-ndjson'))
    return text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
  return /[/+]json/.test(type) ? JSON.parse(text) : text
}
