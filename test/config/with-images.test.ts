/** What a policy may say of the images that its charts name. */

import { expect, test } from 'vitest'
import { DIRECTORY, load, problemsIn } from './setup.ts'

const policy = (more: string, destination = 'b.example.com/mirror'): string => `
registries:
  museum: { type: chartmuseum, url: "https://museum.example.com" }
policies:
  p:
    source: a.example.com/charts/*
    destination: ${destination}
${more}`

const messages = (text: string): readonly string[] => problemsIn(text).map(({ message }) => message)

test('files of values are relative to the file that names them', () => {
  const [one] = load(policy('    with_images: true\n    values: [one.yaml, /two.yaml]\n')).policies
  expect(one).toMatchObject({ with_images: true, values: [`${DIRECTORY}/one.yaml`, '/two.yaml'] })
})

test('a policy that does not say it brings none', () => {
  expect(load(policy('')).policies[0]).not.toHaveProperty('with_images')
})

test('what cannot be is refused', () => {
  expect(messages(policy('    values: one.yaml\n'))).toEqual(['`values` only says how images are found'])
  expect(messages(policy('    with_images: true\n    filters: { resource: image }\n'))).toEqual([
    '`with_images` is of charts, and the policy selects none',
  ])
  expect(messages(policy('    with_images: true\n', 'museum'))).toEqual([
    '`museum` is a `chartmuseum`, which holds no images',
  ])
  expect(messages(policy('    with_images: true\n', '[b.example.com/mirror, museum]'))).toEqual([
    '`museum` is a `chartmuseum`, which holds no images',
  ])
})

test('an untrusted file names no file of this machine', () => {
  const found = problemsIn(policy('    with_images: true\n    values: /etc/passwd\n'), { untrusted: true })
  expect(found.map(({ message }) => message)).toEqual([
    '`values` names a file of this machine, which an untrusted file may not do',
  ])
})
