/** What is posted to a path of a registry, such as to a handler that prepares it, has the registry's credential. */

import { expect, onTestFinished, test } from 'vitest'
import { createPost } from '../../src/app/post.ts'
import { ReplicateError } from '../../src/core/errors.ts'
import { createRedactor } from '../../src/http/redact.ts'
import { connect } from '../contract/opened.ts'
import { startEcr } from '../fakes/aws-ecr.ts'
import { startEcrPublic } from '../fakes/aws-ecr-public.ts'
import { startAcr } from '../fakes/azure-acr.ts'
import { startDockerHub } from '../fakes/docker-hub.ts'
import { startFakeGitea } from '../fakes/gitea.ts'
import { startGitHub } from '../fakes/github-ghcr.ts'
import { startGitLab } from '../fakes/gitlab.ts'
import { startGar } from '../fakes/google-gar.ts'
import { startFakeHarbor } from '../fakes/harbor.ts'
import { startArtifactory } from '../fakes/jfrog-artifactory.ts'
import { startQuay } from '../fakes/quay.ts'

test.each([
  ['docker-hub', startDockerHub, 'Bearer'],
  ['harbor', startFakeHarbor, 'Bearer'],
  ['aws-ecr', startEcr, 'Basic'],
  ['aws-ecr-public', startEcrPublic, 'Bearer'],
  ['azure-acr', startAcr, 'Bearer'],
  ['google-gar', startGar, 'Bearer'],
  ['github-ghcr', startGitHub, 'Bearer'],
  ['gitlab', startGitLab, 'Bearer'],
  ['gitea', startFakeGitea, 'Bearer'],
  ['quay', startQuay, 'Bearer'],
  ['jfrog-artifactory', startArtifactory, 'Basic'],
] as const)('at %s', async (_identity, start, scheme) => {
  const it = await start()
  onTestFinished(() => it.close())
  const { connections, ctx } = await connect(it)
  const post = createPost({ connections, env: {}, redactor: createRedactor(), userAgent: 'replicate-test' })
  const url = '/v2/manage/namespaces'
  const headers = { 'content-type': 'application/json' }
  // The fakes have no handler there.
  await post({ url, registry: it.registry, headers, body: '{}' }, ctx).catch((error: unknown) => {
    expect(error).toBeInstanceOf(ReplicateError)
  })
  const sent = it.content.requests.filter(({ method, path }) => method === 'POST' && path === url)
  expect(sent.map((request) => request.headers.authorization)).toEqual([scheme])
})
