/** AWS's own client is large, and loaded only to sign in to AWS. */

import { expect, onTestFinished, test } from 'vitest'
import { policyWith } from '../contract/round-trip.ts'
import { program } from '../e2e/program.ts'
import { startEcr } from '../fakes/aws-ecr.ts'
import { AWS_KEY } from '../fakes/aws-ecr-control.ts'
import { startEcrPublic } from '../fakes/aws-ecr-public.ts'
import { image } from '../support/images.ts'
import { registry } from '../support/registries.ts'

const WATCH = `import { registerHooks } from 'node:module'
registerHooks({
  load(url, context, next) {
    if (/@aws-sdk|@smithy/.test(url)) process.stderr.write('loaded ' + url + '\\n')
    return next(url, context)
  },
})`
const node = ['--import', `data:text/javascript,${encodeURIComponent(WATCH)}`]
const env = { AWS_ACCESS_KEY_ID: AWS_KEY.id, AWS_SECRET_ACCESS_KEY: AWS_KEY.secret }

test.each([['--help'], ['--version'], ['adapters', 'show', 'aws-ecr'], ['registries', 'list']])(
  'not by %s %s',
  async (...args) => {
    const { stderr } = await program(env).run(args.filter(Boolean), { node })
    expect(stderr).not.toContain('loaded')
  },
)

test('not by a run between others, nor by one that reads the public ECR anonymously', async () => {
  const [from, to, open] = [await registry(), await registry(), await startEcrPublic()]
  onTestFinished(() => open.close())
  from.add('team/app', image(), 'v1')
  open.content.add('docker/library/alpine', image(), 'v1')
  const here = program(env)
  const plain = { registry: { name: 'it', type: 'docker-registry', url: from.url } }
  here.write('plain.yaml', policyWith({ ...open, ...plain }, to.url, 'it/team/app', 'mine/copies'))
  const { credential: _, ...anonymous } = open.registry
  const named = '{ registry: it }\n    filters: { name: docker/library/alpine }'
  here.write('public.yaml', policyWith({ ...open, registry: anonymous }, to.url, named, 'mine/public'))
  for (const file of ['plain.yaml', 'public.yaml']) {
    const { code, stderr } = await here.run(['run', file], { node })
    expect(stderr).not.toContain('loaded')
    expect(code, stderr).toBe(0)
  }
  expect(to.repositories.size).toBe(2)
})

test('by a run that signs in to ECR', async () => {
  const [it, to] = [await startEcr(), await registry()]
  onTestFinished(() => it.close())
  it.content.add('team/app', image(), 'v1')
  const here = program(env)
  const ambient = { ...it, registry: { ...it.registry, credential: { type: 'aws' } as const } }
  here.write('ecr.yaml', policyWith(ambient, to.url, 'it/team/app', 'mine/copies'))
  const { code, stderr } = await here.run(['run', 'ecr.yaml'], { node })
  expect(stderr).toContain('loaded')
  expect(code, stderr).toBe(0)
})
