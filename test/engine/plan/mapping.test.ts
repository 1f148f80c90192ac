import { expect, test } from 'vitest'
import { mapRepository } from '../../../src/engine/plan/mapping.ts'

// The table of "Where a repository lands": source, namespace, then flatten 0, 1, 2 and all.
const TABLE = [
  ['a/b/c/app', 'm', 'm/a/b/c/app', 'm/b/c/app', 'm/c/app', 'm/app'],
  ['app', 'm', 'm/app', 'm/app', 'm/app', 'm/app'],
  ['a/app', 'x/y', 'x/y/a/app', 'x/y/app', 'x/y/app', 'x/y/app'],
] as const

for (const [source, namespace, ...lands] of TABLE) {
  for (const [index, flatten] of ([0, 1, 2, 'all'] as const).entries()) {
    test(`${source} into ${namespace} with flatten ${flatten} lands on ${lands[index]}`, () => {
      expect(mapRepository(source, { namespace, flatten })).toBe(lands[index])
    })
  }
}

// Without a namespace: source, then flatten 0, 1, 2 and all.
const STRIPPED = [
  ['a/b/app', 'a/b/app', 'b/app', 'app', 'app'],
  ['images/kanzal', 'images/kanzal', 'kanzal', 'kanzal', 'kanzal'],
  ['app', 'app', 'app', 'app', 'app'],
] as const

for (const [source, ...lands] of STRIPPED) {
  for (const [index, flatten] of ([0, 1, 2, 'all'] as const).entries()) {
    test(`${source} without a namespace and with flatten ${flatten} lands on ${lands[index]}`, () => {
      expect(mapRepository(source, { flatten })).toBe(lands[index])
    })
  }
}

test('a repository that is given whole is taken as it is', () => {
  expect(mapRepository('a/b/app', { flatten: 1, namespace: 'm', repository: 'x/other' })).toBe('x/other')
})
