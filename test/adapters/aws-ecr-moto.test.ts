/** Amazon ECR against moto, which others have written after the service, through AWS's own client on both sides. */

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { describeAdapter } from '../contract/adapter/suite.ts'
import { connect, digestsIn } from '../contract/opened.ts'
import { policyWith } from '../contract/round-trip.ts'
import { workplace } from '../e2e/harness.ts'
import { type MotoEcr, startMotoEcr } from '../fakes/aws-ecr-moto.ts'
import { image } from '../support/images.ts'
import { missingMoto } from '../support/moto.ts'
import { availableServers, startServer } from '../support/servers.ts'
import { ECR_DELIVERIES } from './aws-ecr-deliveries.ts'

const available = missingMoto().length === 0 && availableServers().includes('registry')

describeAdapter('aws-ecr on moto', () => startMotoEcr(), {
  identity: 'aws-ecr',
  listing: /DescribeImages/,
  create: 'repository',
  deliveries: ECR_DELIVERIES,
  real: true,
  available,
})

describe.skipIf(!available)('on moto', () => {
  let it: MotoEcr
  beforeAll(async () => {
    it = await startMotoEcr()
  })
  afterAll(() => it.close())

  test('a repository is created with the settings given', async () => {
    const options = {
      ...it.registry.options,
      scan_on_push: true,
      immutable: true,
      kms_key: 'arn:aws:kms:eu-west-1:123456789012:key/1',
      tags: { team: 'web' },
    }
    const { endpoint, ctx } = await connect({ ...it, registry: { ...it.registry, options } })
    await endpoint.adapter.ensureRepository?.('settings/app', { public: false }, ctx)
    const [made] = (await it.client.describeRepositories({ repositoryNames: ['settings/app'] })).repositories ?? []
    expect(made).toMatchObject({
      imageScanningConfiguration: { scanOnPush: true },
      imageTagMutability: 'IMMUTABLE',
      encryptionConfiguration: { encryptionType: 'KMS', kmsKey: options.kms_key },
    })
    const { tags } = await it.client.listTagsForResource({ resourceArn: made?.repositoryArn })
    expect(tags).toEqual([{ Key: 'team', Value: 'web' }])
    const rules = await endpoint.adapter.writeRules?.('settings/app', ctx)
    expect(rules?.immutable?.('v1')).toMatch(/immutable/)
  })

  test('deletes that fail in an answer that says 200 are told, what is not there is deleted already', async () => {
    await it.seed('deletes/app', 'v1', image())
    const { endpoint, ctx } = await connect(it)
    const store = endpoint.adapter.repository('deletes/app')
    const answer = await it.client.batchDeleteImage({ repositoryName: 'deletes/app', imageIds: [{ imageTag: 'none' }] })
    expect(answer.failures).toMatchObject([{ failureCode: 'ImageNotFound' }])
    await store.deleteTag?.('none', ctx)
    await store.deleteManifest?.(image({ seed: 'none' }).digest, ctx)
    // No digest of an image: the only refusal that moto knows beside that.
    await expect(store.deleteManifest?.('sha256:0', ctx)).rejects.toMatchObject({
      codes: ['InvalidImageDigest'],
      message: expect.stringContaining('deletes/app@sha256:0'),
    })
    expect(await store.deletes?.(ctx)).toBe('tag')
    expect(await digestsIn(endpoint, 'deletes/app', ctx)).toHaveLength(1)
  })

  test('a policy goes to a real registry and back', async () => {
    for (const tag of ['v1', 'v2', 'v3']) await it.seed('policies/app', tag, image({ seed: tag }))
    const server = await startServer('docker-registry')
    try {
      const written = { ...it, registry: { ...it.registry, credential: { type: 'aws' } as const } }
      const work = workplace()
      vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAIOSFODNN7EXAMPLE')
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'any')
      const there = policyWith(written, server.url, 'it/policies/*', 'mine/mirror')
      expect((await work.run(there)).outcome).toMatchObject({ exitCode: 0, execution: { succeed: 3 } })
      expect((await work.run(there)).outcome).toMatchObject({ exitCode: 0, execution: { unchanged: 3, total: 0 } })
      const back = policyWith(written, server.url, 'mine/mirror/app', 'it/copies')
      expect((await work.run(back)).outcome).toMatchObject({ exitCode: 0, execution: { succeed: 3 } })
      expect((await work.run(back)).outcome).toMatchObject({ exitCode: 0, execution: { unchanged: 3 } })
      const { imageDetails } = await it.client.describeImages({ repositoryName: 'copies/app' })
      expect(imageDetails?.flatMap(({ imageTags }) => imageTags ?? []).sort()).toEqual(['v1', 'v2', 'v3'])
    } finally {
      vi.unstubAllEnvs()
      await server.stop()
    }
  })
})
