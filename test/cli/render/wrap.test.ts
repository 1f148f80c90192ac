/** Messages at the width of a terminal, in the signs of a locale. */

import { expect, test } from 'vitest'
import { inAscii, showsUnicode } from '../../../src/cli/render/symbols.ts'
import { wrapLines } from '../../../src/cli/render/wrap.ts'

test('a line is broken between words, and continues where it is indented', () => {
  const text = 'error: hub needs a credential\n  set REPLICATE_HUB_TOKEN, or run `docker login hub`\n'
  expect(wrapLines(text, 30)).toBe(
    'error: hub needs a credential\n  set REPLICATE_HUB_TOKEN, or\n  run `docker login hub`\n',
  )
  expect(wrapLines('error: a message that is too long', 20)).toBe('error: a message\n  that is too long')
})

test('a word is never broken, and colours have no width', () => {
  const name = `registry.example.com/${'x'.repeat(40)}:1.0`
  expect(wrapLines(`see ${name} now`, 20)).toBe(`see\n  ${name}\n  now`)
  expect(wrapLines('\u001b[31merror:\u001b[39m sixteen', 16)).toBe('\u001b[31merror:\u001b[39m sixteen')
})

test('without a terminal nothing is broken', () => {
  const text = `${'word '.repeat(1000)}\n`
  expect(wrapLines(text, Number.POSITIVE_INFINITY)).toBe(text)
})

test.each([
  [{ LC_ALL: 'C' }, false],
  [{ LANG: 'POSIX' }, false],
  [{ LC_ALL: 'C', LANG: 'de_DE.UTF-8' }, false],
  [{ LC_CTYPE: 'de_DE.ISO-8859-1', LANG: 'de_DE.UTF-8' }, false],
  [{ LC_ALL: '', LANG: 'en_US.utf8' }, true],
  [{ LC_ALL: 'C.UTF-8' }, true],
  [{}, true],
])('a locale of %o shows signs beyond ASCII: %s', (env, shows) => {
  expect(showsUnicode(env)).toBe(shows)
})

test('a sign and what stands for it are equally wide', () => {
  const text = '━━╌  ✓ hub → copy · ×4 … ✗ “a” ’ — –'
  expect(inAscii(text)).toHaveLength(text.length)
  expect(inAscii(text)).toMatch(/^[\x20-\x7e]*$/)
})
