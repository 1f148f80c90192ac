/** amazon-ecr.yaml: repositories come with their settings, and what is pushed once stays. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { program } from '../e2e/program.ts'
import { startEcr } from '../fakes/aws-ecr.ts'
import { AWS_KEY } from '../fakes/aws-ecr-control.ts'
import { image } from '../support/images.ts'
import { registry } from '../support/registries.ts'

const EXAMPLE = readFileSync(join(import.meta.dirname, '..', '..', 'examples', 'amazon-ecr.yaml'), 'utf8')

test('amazon-ecr.yaml makes repositories as it says, and copies releases with the keys of the environment', async () => {
  const hub = await registry()
  const ecr = await startEcr()
  onTestFinished(() => ecr.close())
  for (const tag of ['3.19', '3.20', 'latest', 'edge']) hub.add('library/alpine', image({ seed: tag }), tag)
  hub.add('library/redis', image({ seed: 'redis' }), '7.2')
  hub.add('library/other', image({ seed: 'other' }), '1.0')
  const here = program({ AWS_ACCESS_KEY_ID: AWS_KEY.id, AWS_SECRET_ACCESS_KEY: AWS_KEY.secret })
  const text = EXAMPLE.replace('https://123456789012.dkr.ecr.eu-west-1.amazonaws.com', ecr.content.url)
    .replace('    options:\n', `    options:\n      endpoint: ${ecr.content.url}\n      region: eu-west-1\n`)
    .replace('source: docker.io', `source: ${hub.host}`)
  here.write('amazon-ecr.yaml', text)
  expect(await here.run(['run', 'amazon-ecr.yaml'])).toMatchObject({ code: 0 })
  expect([...ecr.content.repository('mirror/alpine').tags.keys()].sort()).toEqual(['3.19', '3.20'])
  expect([...ecr.content.repositories.keys()].sort()).toEqual(['mirror/alpine', 'mirror/redis'])
  expect(ecr.repositories.get('mirror/redis')).toMatchObject({
    imageScanningConfiguration: { scanOnPush: true },
    imageTagMutability: 'IMMUTABLE',
    tags: [{ Key: 'team', Value: 'platform' }],
  })
  // A tag that moved is known to be refused before anything is copied.
  hub.add('library/redis', image({ seed: 'moved' }), '7.2')
  const { code, stdout, stderr } = await here.run(['plan', 'amazon-ecr.yaml'])
  expect(`${stdout}${stderr}`).toContain('tag 7.2 is immutable in the repository mirror/redis')
  expect(code).toBe(0)
})
