/** The document that the API gives of itself: whole, and what each answer of these tests is held against. */

import { expect, test } from 'vitest'
import { ROLES } from '../../../src/core/role.ts'
import { apiDocument, operationsOf, undescribed } from './document.ts'

test('each operation says what it does, whom it is for, and how it refuses', async () => {
  const operations = operationsOf(await apiDocument())
  expect(operations.length).toBeGreaterThan(5)
  for (const { method, path, description, responses, ...operation } of operations) {
    const what = `${method} ${path}`
    expect(description, what).toMatch(/^[A-Z`]/)
    expect([...ROLES, 'anyone'], what).toContain(operation['x-role'])
    expect(Object.keys(responses), what).toEqual(expect.arrayContaining(['400', '401', '403', '429', '500', '503']))
    expect(
      Object.keys(responses).some((status) => status.startsWith('2')),
      what,
    ).toBe(true)
  }
})

test('each parameter of a path is described, and each reference leads somewhere', async () => {
  const api = await apiDocument()
  for (const { method, path, parameters } of operationsOf(api)) {
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1])
    const described = parameters.filter((one) => one.in === 'path').map(({ name }) => name)
    expect(described.toSorted(), `${method} ${path}`).toEqual(inPath.toSorted())
  }
  const references = [...JSON.stringify(api).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1] ?? '')
  expect(references.length).toBeGreaterThan(0)
  const known = Object.keys(api.components.schemas).map((name) => `#/components/schemas/${name}`)
  expect(known).toEqual(expect.arrayContaining([...new Set(references)]))
})

test('an answer that is not described is found out', async () => {
  const json = { type: 'application/json', body: { name: 'a', role: 'admin', namespaces: null, until: null } }
  const check = (status: number, answer: { readonly type: string; readonly body: unknown }) =>
    undescribed('GET', '/session', { status, ...answer })
  expect(await check(200, json)).toBeUndefined()
  expect(await check(200, { ...json, body: { ...json.body, more: 1 } })).toMatch(/more/)
  expect(await check(200, { ...json, body: { name: 'a' } })).toMatch(/role/)
  expect(await check(202, json)).toMatch(/a status that the document does not have/)
  expect(await check(200, { ...json, type: 'text/html' })).toMatch(/the document says application\/json/)
  expect(await undescribed('GET', '/nothing', { status: 200, ...json })).toMatch(/in no path/)
})
