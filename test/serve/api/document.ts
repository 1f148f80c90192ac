/** The document that the API gives of itself, and what an answer has that it does not describe. */

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { startApi } from '../../../src/serve/api/api.ts'
import { daemonDouble } from '../daemon-double.ts'

const content = z.looseObject({ schema: z.record(z.string(), z.unknown()).optional() })
const operation = z.looseObject({
  description: z.string().optional(),
  'x-role': z.string().optional(),
  parameters: z
    .array(z.looseObject({ name: z.string(), in: z.string(), required: z.boolean().optional() }))
    .default([]),
  requestBody: z.looseObject({ content: z.record(z.string(), content) }).optional(),
  responses: z.record(z.string(), z.looseObject({ content: z.record(z.string(), content).optional() })),
})
export type Operation = z.infer<typeof operation>

const document = z.looseObject({
  openapi: z.string(),
  paths: z.record(z.string(), z.record(z.string(), operation)),
  components: z.looseObject({ schemas: z.record(z.string(), z.unknown()).default({}) }),
})
export type ApiDocument = z.infer<typeof document>

let known: Promise<ApiDocument> | undefined

/** It is the same for every daemon, so it is made once, by one that does not listen. */
export function apiDocument(): Promise<ApiDocument> {
  known ??= made()
  return known
}

async function made(): Promise<ApiDocument> {
  const daemon = await daemonDouble('policies: {}')
  await startApi(daemon)
  const token = readFileSync(join(dirname(daemon.history.file), 'api-token'), 'utf8').trim()
  const answer = await daemon.http.inject({ url: '/api/openapi.json', headers: { authorization: `Bearer ${token}` } })
  return document.parse(answer.json())
}

/** Each operation, its path with the parameters as they are written. */
export function operationsOf({ paths }: ApiDocument): readonly (Operation & {
  readonly method: string
  readonly path: string
})[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, one]) => ({ ...one, method: method.toUpperCase(), path })),
  )
}

export interface Answered {
  readonly status: number
  readonly type: string | null
  /** Parsed where it is JSON; of lines of JSON a list. */
  readonly body: unknown
}

/** What the document does not say of an answer, in words; undefined where it describes it. `path` is below /api. */
export async function undescribed(method: string, path: string, answer: Answered): Promise<string | undefined> {
  const api = await apiDocument()
  const { pathname } = new URL(`http://any/api${path}`)
  const matching = Object.keys(api.paths).filter((template) => fits(template, pathname))
  // Of two that fit the one with fewer parameters is meant.
  const template = matching.toSorted((a, b) => a.split('{').length - b.split('{').length)[0]
  const type = answer.type?.split(';')[0]
  const what = `${method} ${path} answered ${answer.status} ${type}`
  const one = template === undefined ? undefined : api.paths[template]?.[method.toLowerCase()]
  if (!one) {
    // Not an operation: only its refusal may come.
    const isRefused = [400, 401, 403, 404, 405, 413, 429].includes(answer.status) && type === 'application/problem+json'
    return isRefused ? undefined : `${what}, which is in no path of the document`
  }
  const described = one.responses[String(answer.status)]
  if (!described) return `${what}, a status that the document does not have`
  const contents = described.content
  if (answer.status === 204) return undefined
  if (!contents) return answer.body === '' ? undefined : `${what} with a body, and the document has none`
  const found = type === undefined ? undefined : contents[type]
  if (!found) return `${what}, and the document says ${Object.keys(contents).join(', ')}`
  if (!found.schema || !type?.endsWith('json')) return undefined
  const schema = schemaOf(api, found.schema)
  const parsed = (type.endsWith('ndjson') ? z.array(schema) : schema).safeParse(answer.body)
  return parsed.success ? undefined : `${what}: ${z.prettifyError(parsed.error)}\n${JSON.stringify(answer.body)}`
}

function fits(template: string, path: string): boolean {
  const [parts, given] = [template.split('/'), path.split('/')]
  return parts.length === given.length && parts.every((part, at) => part.startsWith('{') || part === given[at])
}

const schemas = new Map<unknown, z.ZodType>()

function schemaOf({ components }: ApiDocument, schema: object): z.ZodType {
  const made = schemas.get(schema) ?? z.fromJSONSchema(local({ ...schema, $defs: components.schemas }))
  schemas.set(schema, made)
  return made
}

/** References as the converter follows them. */
function local(schema: object): Parameters<typeof z.fromJSONSchema>[0] {
  return JSON.parse(JSON.stringify(schema).replaceAll('#/components/schemas/', '#/$defs/'))
}
