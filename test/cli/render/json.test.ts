/** Long documents, piece by piece. */

import { expect, test } from 'vitest'
import { jsonDocument, jsonPieces, jsonStream } from '../../../src/cli/render/json.ts'

test.each([[[]], [[1]], [[{ a: 1, b: { c: [] } }, 'x\u009b', null]]])('the pieces of %j are the document', (list) => {
  expect([...jsonPieces(list)].join('')).toBe(jsonDocument(list))
  const fields = { id: 1, error: null }
  expect([...jsonPieces(list, { fields, name: 'tasks' })].join('')).toBe(jsonDocument({ ...fields, tasks: list }))
})

test('a document in pieces is the document, whatever kind its lists are', () => {
  const actions = [{ tag: 'a\u009b', platforms: [], removal: { attachments: ['b', 'c'] } }, { tag: null }]
  const plan = { policy: 'x', actions, seen: 2, warnings: [], nothing: {} }
  expect([...jsonStream({ policies: [plan, plan] })].join('')).toBe(jsonDocument({ policies: [plan, plan] }))
  const streamed = { ...plan, actions: new Set(actions) }
  expect([...jsonStream({ policies: [streamed] })].join('')).toBe(jsonDocument({ policies: [plan] }))
})
