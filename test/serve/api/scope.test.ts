/** What a maintainer may write into a policy: fields that were allowed by name. */

import { expect, test } from 'vitest'
import { policySchema } from '../../../src/config/schema.ts'
import { expectOwn, MAINTAINER_FIELDS } from '../../../src/serve/api/auth/scope.ts'
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

const KEYS = Object.keys(policySchema.shape)
const FOR_ADMINS = KEYS.filter((key) => !MAINTAINER_FIELDS.has(key))

async function written(more: object, role: 'maintainer' | 'admin' = 'maintainer'): Promise<void> {
  const { configuration } = (await daemonDouble(YAML)).current()
  const [policy] = configuration.policies
  if (!policy) throw new Error('there is no policy')
  expectOwn({ name: 'ann', role, namespaces: ['team'] }, { ...policy, ...more }, configuration)
}

test('the fields for admins are those that reach beyond registries', () => {
  expect(FOR_ADMINS.toSorted()).toEqual(['notify', 'prepare', 'values', 'with_images'])
})

test.each([...FOR_ADMINS, 'a_field_of_a_later_version'])('%s is refused to a maintainer', async (key) => {
  for (const value of ['anything', false, []]) {
    await expect(written({ [key]: value })).rejects.toThrow(`\`${key}\` is for admins`)
    await expect(written({ [key]: value }, 'admin')).resolves.toBeUndefined()
  }
})

test('a policy of its own namespace, with every default filled in, is allowed', async () => {
  await expect(written({})).resolves.toBeUndefined()
})
