/** Long documents, piece by piece. */

import { expect, test } from 'vitest'
import { jsonDocument, jsonPieces } from '../../../src/cli/render/json.ts'

test.each([[[]], [[1]], [[{ a: 1, b: { c: [] } }, 'x\u009b', null]]])('the pieces of %j are the document', (list) => {
  expect([...jsonPieces(list)].join('')).toBe(jsonDocument(list))
  const fields = { id: 1, error: null }
  expect([...jsonPieces(list, { fields, name: 'tasks' })].join('')).toBe(jsonDocument({ ...fields, tasks: list }))
})
