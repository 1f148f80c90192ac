/** Opens Amazon ECR Public: its content, and what its own API adds to it. */

import { z } from 'zod'
import type { Adapter, AdapterTools, SignInTools } from '../../src/core/adapter.ts'
import type { Credential, Registry, SentCredential } from '../../src/core/registry.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { listImages, SMALLEST_CHUNK } from '../aws-ecr/images.ts'
import { ecrRepository } from '../aws-ecr/repository.ts'
import { passwordOf, ready, TOKEN } from '../aws-ecr/sign-in.ts'
import { imagesOf, openEcrPublic } from './api.ts'
import { ensureRepository, exists, listRepositories, writeRules } from './repositories.ts'

export function open(registry: Registry, tools: AdapterTools): Adapter {
  const adapter = ociRegistry(registry, tools, {
    upload: { strategy: 'put', status: 'none', smallest: SMALLEST_CHUNK },
  })
  const ecr = openEcrPublic(registry, tools.api, tools.credential)
  return {
    ...adapter,
    repository: (name) =>
      ecrRepository(adapter.repository(name), {
        name,
        service: 'ecr-public',
        images: imagesOf(ecr, name),
        exists: (ctx) => exists(ecr, name, ctx),
      }),
    repositories: (wanted, ctx) => listRepositories(ecr, wanted, ctx),
    ensureRepository: (name, ctx) => ensureRepository(ecr, name, registry.options ?? {}, ctx),
    listTags: (name, ctx, { untagged } = { untagged: true }) =>
      listImages(name, imagesOf(ecr, name), adapter.repository(name), untagged, ctx),
    writeRules: (name, ctx) => writeRules(ecr, name, ctx),
  }
}

const TOKENS = z.looseObject({ authorizationData: TOKEN })

export async function signIn(
  found: Credential,
  registry: Registry,
  { api, ctx }: SignInTools,
): Promise<SentCredential> {
  // Anybody may read: nothing of AWS is asked for where nobody said so.
  if (found.kind === 'anonymous') return found
  const sent = ready(found, registry.name)
  if (sent) return sent
  const answer = await openEcrPublic(registry, api, async () => found).ask(
    {
      operation: 'GetAuthorizationToken',
      what: 'sign in to ECR Public',
      form: TOKENS,
      send: (client, options) => client.getAuthorizationToken({}, options),
    },
    ctx,
  )
  return passwordOf(answer.authorizationData, found)
}
