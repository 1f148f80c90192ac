/** Opens Amazon ECR: its content, and what its own API adds to it. */

import { z } from 'zod'
import type { Adapter, AdapterTools, SignInTools, WriteRules } from '../../src/core/adapter.ts'
import { ConfigurationError } from '../../src/core/errors.ts'
import type { Credential, Registry, SentCredential } from '../../src/core/registry.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { isNobody } from './aws.ts'
import { imagesOf, openEcr } from './ecr.ts'
import { parseHost } from './host.ts'
import { listImages, PAGE_SIZE, SMALLEST_CHUNK } from './images.ts'
import { ensureRepository, exists, listRepositories, writeRules } from './repositories.ts'
import { ecrRepository } from './repository.ts'
import { passwordOf, ready, TOKEN } from './sign-in.ts'

export function open(registry: Registry, tools: AdapterTools): Adapter {
  // What a session says of how far it is is wrong: https://github.com/aws/containers-roadmap/issues/2831
  const facts = { upload: { strategy: 'put', status: 'none', smallest: SMALLEST_CHUNK }, pageSize: PAGE_SIZE } as const
  const adapter = ociRegistry(registry, tools, facts)
  const ecr = openEcr(registry, tools.api, tools.credential)
  const rules = new Map<string, Promise<WriteRules>>()
  return {
    ...adapter,
    repository: (name) =>
      ecrRepository(adapter.repository(name), {
        name,
        service: 'ecr',
        images: imagesOf(ecr, name),
        exists: (ctx) => exists(ecr, name, ctx),
      }),
    repositories: (wanted, ctx) => listRepositories(ecr, adapter, wanted, ctx),
    ensureRepository: (name, ctx) => ensureRepository(ecr, name, registry.options ?? {}, ctx),
    listTags: (name, ctx, { untagged } = { untagged: true }) =>
      listImages(name, imagesOf(ecr, name), adapter.repository(name), untagged, ctx),
    writeRules(name, ctx) {
      const known = rules.get(name) ?? writeRules(ecr, name, ctx)
      rules.set(name, known)
      known.catch(() => rules.delete(name))
      return known
    },
  }
}

const TOKENS = z.looseObject({ authorizationData: z.tuple([TOKEN], z.unknown()) })

export async function signIn(
  found: Credential,
  registry: Registry,
  { api, ctx }: SignInTools,
): Promise<SentCredential> {
  refuseApi(registry)
  if (found.kind === 'anonymous' && isNobody(found, registry)) return found
  const sent = ready(found, registry.name)
  if (sent) return sent
  const answer = await openEcr(registry, api, async () => found).ask(
    {
      operation: 'GetAuthorizationToken',
      what: 'sign in to ECR',
      form: TOKENS,
      send: (client, options) => client.getAuthorizationToken({}, options),
    },
    ctx,
  )
  return passwordOf(answer.authorizationData[0], found)
}

/** Harbor takes the address of the API for that of the registry. */
function refuseApi({ name, url = '' }: Registry): void {
  const host = parseHost(new URL(url).hostname)
  if (!host || host.account !== undefined) return
  throw new ConfigurationError(`registry ${name}: ${url} is the address of ECR's API, not that of a registry`, {
    hint: `set \`url: https://ACCOUNT.dkr.ecr.${host.region}.amazonaws.com\` with the number of the account`,
  })
}
