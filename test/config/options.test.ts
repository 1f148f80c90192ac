/** What a registry's adapter says of its options, credentials and labels is checked when a file is loaded. */

import { expect, test } from 'vitest'
import { complaints, factsOf, load, policy, registry } from './setup.ts'

const HARBOR = { types: ['harbor', 'docker-registry', 'oci-layout'].map(factsOf) }
const URL = 'url: https://harbor.example.com'

test('options take the form that the adapter names', () => {
  const text = registry('type: harbor', URL, 'options: {mode: slow, careful: true, hosts: a, tags: {team: blue}}')
  expect(load(text, HARBOR).registries.get('r')?.options).toEqual({
    mode: 'slow',
    careful: true,
    hosts: ['a'],
    tags: { team: 'blue' },
  })
})

test('an option that the adapter does not have is refused at its place', () => {
  const text = registry('type: harbor', URL, 'options:', '  mod: slow')
  expect(complaints(text, HARBOR)).toEqual(['policy.yaml:6:7 `harbor` has no option `mod` [did you mean `mode`?]'])
})

test('a value that is not of the option’s kind is refused', () => {
  const text = registry('type: harbor', URL, 'options: {mode: never, careful: perhaps, tags: [a], hosts: {a: b}}')
  expect(complaints(text, HARBOR).map((line) => line.replace(/^\S+ /, ''))).toEqual([
    '`mode` is not one of `fast`, `slow`',
    '`careful` is not `true` or `false`',
    '`tags` is not a mapping of names to texts',
    '`hosts` is not a text or a list of texts',
  ])
})

test('a kind of credential that the adapter does not take is refused', () => {
  expect(complaints(registry('type: harbor', URL, 'credential: {type: aws}'), HARBOR)).toEqual([
    'policy.yaml:5:24 `harbor` takes no credential of `type: aws` [it takes anonymous, basic, token]',
  ])
})

test('a type without options has none', () => {
  expect(complaints(registry('type: docker-registry', URL, 'options: {a: b}'), HARBOR)).toEqual([
    'policy.yaml:5:15 `docker-registry` has no option `a` [it has none]',
  ])
})

test('a filter by label needs a source with labels', () => {
  const registries = [
    'registries:',
    '  h: {type: harbor, url: https://h.example.com}',
    '  d: {type: docker-registry, url: https://d.example.com}',
  ]
  const file = (source: string) =>
    [...registries, policy(`source: ${source}/a`, 'destination: d/b', 'filters: {label: released}')].join('\n')
  expect(complaints(file('h'), HARBOR)).toEqual([])
  expect(complaints(file('d'), HARBOR)).toEqual([
    'policy.yaml:8:15 the source `d` is of `type: docker-registry`, which has no labels [only harbor has labels]',
  ])
})
