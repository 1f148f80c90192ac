/** What a maintainer may write into a policy: fields that were allowed by name, also within others. */

import { expect, test } from 'vitest'
import { z } from 'zod'
import { jsonSchema } from '../../../src/config/schema.ts'
import { expectNoVariables, expectOwn, MAINTAINER_FIELDS, type Said } from '../../../src/serve/api/auth/scope.ts'
import { ApiError } from '../../../src/serve/api/problem.ts'
import { daemonDouble } from '../daemon-double.ts'

const YAML = `
registries:
  from: { type: docker-registry, url: 'http://127.0.0.1:1' }
  to: { type: docker-registry, url: 'http://127.0.0.1:2' }
policies:
  own:
    scope: namespace
    source: { registry: from, namespaces: [team] }
    destination: { registry: to }
`

const ANN = { name: 'ann', role: 'maintainer', namespaces: ['team'] } as const

/** The fields of the form that policies have in files, each with the path to it; a list has those of its elements. */
function fieldsOf(form: unknown, path: string): readonly string[] {
  const { properties, items, anyOf, oneOf } = z
    .object({
      properties: z.record(z.string(), z.unknown()).optional(),
      items: z.unknown().optional(),
      anyOf: z.array(z.unknown()).default([]),
      oneOf: z.array(z.unknown()).default([]),
    })
    .parse(form)
  const inner = [
    ...Object.entries(properties ?? {}).flatMap(([key, one]) => fieldsOf(one, path === '' ? key : `${path}.${key}`)),
    ...[items, ...anyOf, ...oneOf].flatMap((one) => (one === undefined ? [] : fieldsOf(one, path))),
  ]
  // Where a text stands for a mapping, the fields of the mapping count.
  const deeper = inner.filter((one) => one !== path)
  return deeper.length > 0 ? [...new Set(deeper)] : [path]
}

function policyForm(): unknown {
  const { properties } = z
    .object({ properties: z.object({ policies: z.object({ additionalProperties: z.unknown() }) }) })
    .parse(jsonSchema())
  return properties.policies.additionalProperties
}

function pathsOf(said: Said, path = ''): readonly string[] {
  return Object.entries(said).flatMap(([field, inner]) => {
    const at = path === '' ? field : `${path}.${field}`
    return inner === true ? [at] : pathsOf(inner, at)
  })
}

const ALLOWED: readonly string[] = pathsOf(MAINTAINER_FIELDS)
const FOR_ADMINS = [
  'notify.exec',
  'notify.on',
  'notify.secret',
  'notify.slack',
  'notify.webhook',
  'prepare.abort_on',
  'prepare.handler',
  'values',
  'with_images',
]

async function written(more: object, role: 'maintainer' | 'admin' = 'maintainer'): Promise<void> {
  const { configuration } = (await daemonDouble(YAML)).current()
  const [policy] = configuration.policies
  if (!policy) throw new Error('there is no policy')
  expectOwn({ ...ANN, role }, { ...policy, ...more }, configuration)
}

test('each field of a policy is for maintainers or for admins, also within others: a new one has to be decided on', () => {
  const fields = fieldsOf(policyForm(), '')
  expect(fields.length).toBeGreaterThan(40)
  expect(fields.filter((field) => !ALLOWED.includes(field)).toSorted()).toEqual(FOR_ADMINS)
})

test.each(['notify', 'prepare', 'values', 'with_images', 'a_field_of_a_later_version'])(
  '%s is refused to a maintainer',
  async (key) => {
    for (const value of ['anything', false, []]) {
      await expect(written({ [key]: value })).rejects.toThrow(`\`${key}\` is for admins`)
      await expect(written({ [key]: value }, 'admin')).resolves.toBeUndefined()
    }
  },
)

test('a field of a later version within another one is refused to a maintainer', async () => {
  const destination = { registry: 'to', flatten: 0, create: true, public: false }
  for (const [more, path] of [
    [{ source: { registry: 'from', namespaces: ['team'], helper: '/bin/sh' } }, 'source.helper'],
    [{ destination: { ...destination, hook: 'http://127.0.0.1' } }, 'destination.hook'],
    [{ also: [{ ...destination, hook: 'http://127.0.0.1' }] }, 'also.hook'],
    [{ filters: { regex: { file: '/etc/passwd' } } }, 'filters.regex.file'],
    [{ triggers: [{ schedule: '@daily' }, { command: ['id'] }] }, 'triggers.command'],
    [{ retry: { attempts: 3, delay: 1, by: 'host' } }, 'retry.by'],
    [{ filters: { constructor: 'x' } }, 'filters.constructor'],
  ] as const) {
    await expect(written(more), path).rejects.toThrow(`\`${path}\` is for admins`)
    await expect(written(more, 'admin'), path).resolves.toBeUndefined()
  }
})

test('a policy of its own namespace, with every default filled in, is allowed', async () => {
  await expect(written({})).resolves.toBeUndefined()
})

test("the daemon's variables stay out of what a maintainer writes, wherever they stand", () => {
  for (const definition of [
    { description: `\${TOKEN}` },
    { filters: { tag: ['v1', `x\${TOKEN:-none}y`] } },
    { triggers: [{ schedule: '${' }] },
    { destination: [{ registry: 'to', namespace: `$\${literal}\${TOKEN}` }] },
  ]) {
    expect(() => expectNoVariables(ANN, 'own', definition), JSON.stringify(definition)).toThrow(ApiError)
    expect(() => expectNoVariables({ ...ANN, role: 'admin' }, 'own', definition)).not.toThrow()
  }
  expect(() => expectNoVariables(ANN, 'own', { description: `costs $5, and $\${this} stays` })).not.toThrow()
})
