/** A file that cannot be written: what a request wanted is explained, and nothing of it stays anywhere. */

import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createKeychain } from '../../../src/credentials/keychain.ts'
import { canMountReadOnly, readOnly } from '../../support/read-only.ts'
import { missingPrograms, startSecretService } from '../../support/secret-service.ts'
import { serving } from '../serving.ts'
import { apiClient } from './client.ts'

const OTHER = { source: { registry: 'from' }, destination: { registry: 'to', namespace: 'other' } }

test.skipIf(!canMountReadOnly() || missingPrograms().length > 0)(
  'on a file system that is read-only, a policy is answered with its YAML, and no secret is kept for a registry',
  async () => {
    const secrets = await startSecretService()
    onTestFinished(secrets.stop)
    const { user, yaml, start, destination } = await serving()
    const directory = join(user.directory, 'mounted')
    mkdirSync(directory)
    user.write('mounted/serve.yaml', yaml())
    const text = (): string => readFileSync(join(directory, 'serve.yaml'), 'utf8')
    const before = text()
    const daemon = await start(['mounted/serve.yaml'], secrets.env, (command) => readOnly(directory, command))
    const ask = apiClient(daemon.url, readFileSync(join(user.home, 'api-token'), 'utf8').trim())

    const policy = await ask('POST', '/replication/policies', { body: { name: 'other', definition: OTHER } })
    expect(policy).toMatchObject({ status: 409, body: { code: 'read_only' } })
    expect(policy.body.yaml).toContain('other:\n')
    expect(await ask('PUT', '/replication/policies/copy', { body: { enabled: false } })).toMatchObject({ status: 409 })
    expect(await ask('DELETE', '/replication/policies/copy')).toMatchObject({ status: 409 })

    const secret = 'never to be kept 4711'
    const credential = { type: 'basic', username: 'ann', secret }
    const definition = { type: 'docker-registry', url: destination.url }
    const made = await ask('POST', '/registries', { body: { name: 'third', definition, credential } })
    expect(made).toMatchObject({ status: 409, body: { code: 'read_only' } })
    expect(JSON.stringify(made.body)).not.toContain(secret)
    const trusted = await ask('POST', '/registries', { body: { name: 'third', definition, credential, ca_pem: 'x' } })
    expect(trusted.status).toBeGreaterThanOrEqual(400)

    const listed = await user.run(['credentials', 'list', '--json', '--config', 'mounted/serve.yaml'], secrets)
    expect(listed.stdout).not.toContain('third')
    expect((await ask('GET', '/audit')).body).toEqual([])
    expect([text(), readdirSync(directory)]).toEqual([before, ['serve.yaml']])
  },
)

test.skipIf(!canMountReadOnly() || missingPrograms().length > 0)(
  'a registry that cannot be changed keeps the credential that it had',
  async () => {
    const secrets = await startSecretService()
    onTestFinished(secrets.stop)
    const { user, yaml, start, destination } = await serving()
    const directory = join(user.directory, 'mounted')
    mkdirSync(directory)
    user.write('mounted/serve.yaml', yaml())
    const keychain = createKeychain({ env: secrets.env })
    const earlier = { type: 'basic', username: 'ann', secret: 'the earlier one' } as const
    await keychain.store({ name: 'to', url: destination.url }, earlier)
    const before = (await keychain.entries()).get('to')
    expect(before).toMatchObject(earlier)
    const daemon = await start(['mounted/serve.yaml'], secrets.env, (command) => readOnly(directory, command))
    const ask = apiClient(daemon.url, readFileSync(join(user.home, 'api-token'), 'utf8').trim())
    const body = {
      definition: { type: 'docker-registry', url: destination.url, description: 'changed' },
      credential: { type: 'token', secret: 'another one' },
    }
    expect(await ask('PUT', '/registries/to', { body })).toMatchObject({ status: 409, body: { code: 'read_only' } })
    expect((await createKeychain({ env: secrets.env }).entries()).get('to')).toEqual(before)
    // The file as it is has nothing to write: the credential alone is changed.
    const same = { ...body, definition: (await ask('GET', '/registries/to')).body.definition }
    expect((await ask('PUT', '/registries/to', { body: same })).status).toBe(200)
    expect((await createKeychain({ env: secrets.env }).entries()).get('to')).toMatchObject(body.credential)
  },
)
