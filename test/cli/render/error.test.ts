/** Errors as people and machines read them. */

import { expect, test } from 'vitest'
import { colorsFor } from '../../../src/cli/render/colors.ts'
import { errorLines, renderError } from '../../../src/cli/render/error.ts'
import { ConfigurationError, onSide, RegistryError } from '../../../src/core/errors.ts'

const plain = colorsFor(false)

const configuration = new ConfigurationError([
  {
    message: 'unknown key `destnation`',
    position: { file: 'policy.yaml', line: 4, column: 5 },
    text: '    destnation: harbor',
    hint: 'did you mean `destination`?',
  },
  { message: '`source` is missing', position: { file: 'policy.yaml', line: 3, column: 3 } },
])

test('every problem of a file is shown with its place, its line and a suggestion', () => {
  expect(renderError(configuration, plain)).toBe(`policy.yaml:4:5  unknown key \`destnation\`
      destnation: harbor
      ^
  did you mean \`destination\`?
policy.yaml:3:3  \`source\` is missing
`)
})

test('every problem is an object of its own under --json', () => {
  expect(errorLines(configuration)).toEqual([
    {
      type: 'error',
      code: 'configuration',
      message: 'unknown key `destnation`',
      hint: 'did you mean `destination`?',
      file: 'policy.yaml',
      line: 4,
      column: 5,
    },
    {
      type: 'error',
      code: 'configuration',
      message: '`source` is missing',
      hint: null,
      file: 'policy.yaml',
      line: 3,
      column: 3,
    },
  ])
})

test('an error names its side and registry, and what to do next', () => {
  const error = new RegistryError('refused the manifest: 412 PRECONDITION', {
    status: 412,
    method: 'PUT',
    path: '/v2/a/manifests/1',
    hint: 'exclude it',
  })
  expect(renderError(onSide(error, 'destination', 'harbor'), plain)).toBe(
    'error: destination harbor: refused the manifest: 412 PRECONDITION\n  exclude it\n',
  )
})

test('anything else is a bug, with its stack and causes', () => {
  const text = renderError(new TypeError('x is undefined', { cause: new Error('deeper') }), plain)
  expect(text).toMatch(/^bug: .*\nTypeError: x is undefined\n\s+at /)
  expect(text).toContain('caused by: Error: deeper')
})

test('a message from a registry cannot move the cursor', () => {
  expect(renderError(new ConfigurationError('bad \u001b[2J\nname'), plain)).toBe('error: bad [2J name\n')
})
