/** Google's Artifact Registry and the gcr.io names that live on in it: content and lists from the registry, the rest by its API. */

import type { AdapterType } from '../../src/core/adapter.ts'
import { CredentialError } from '../../src/core/errors.ts'
import { ociRegistry } from '../../src/oci/registry.ts'
import { openGar } from './api.ts'
import { parseEvents } from './events.ts'
import { listRepositories } from './packages.ts'
import { ensureRepository, listNamespaces } from './repositories.ts'
import { garRepository } from './repository.ts'
import { writeRules } from './rules.ts'
import { signIn } from './sign-in.ts'
import { listTags } from './tags.ts'

export const googleGar: AdapterType = {
  identity: 'google-gar',
  name: 'Google Artifact Registry',
  description: 'Google Artifact Registry (pkg.dev) and gcr.io',
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  depth: { min: 2 },
  listing: 'one call gives up to 10,000 manifests of a repository with their tags and digests',
  credentials: ['anonymous', 'basic', 'token', 'service_account', 'google'],
  quirks: [
    'At pkg.dev a name is PROJECT/REPOSITORY/IMAGE; at gcr.io, which Artifact Registry serves since 2025, PROJECT/IMAGE.',
    'A key file is `type: service_account`, or the password of the user _json_key (_json_key_base64); an access token is `type: token`, or the password of oauth2accesstoken.',
    "`type: google` takes the application default credentials: GOOGLE_APPLICATION_CREDENTIALS, those of gcloud, the machine's service account. They are tried too where no credential is found; `type: anonymous` keeps them out.",
    'A missing repository is created where policies may create namespaces; that needs artifactregistry.repositories.create.',
    'What does not exist and what the account may not see are answered alike (403).',
    'Layers go in one request, and an upload that breaks off begins anew.',
    'A manifest is deleted only after all its tags, and after the indexes that name it.',
    'Virtual and remote repositories take no pushes.',
  ],
  options: [
    { name: 'project', description: 'Whose repositories are listed where no pattern names one', type: 'text' },
    {
      name: 'location',
      description: 'Where the repositories are, such as europe-west1; default: as the host says',
      type: 'text',
    },
    {
      name: 'api_url',
      description: 'Where its API answers; default https://artifactregistry.googleapis.com',
      type: 'text',
    },
  ],
  signIn,
  parseEvents,
  open(registry, tools) {
    const adapter = ociRegistry(registry, tools, {
      // Chunks are not supported, nor is there an upload to ask for its offset: docs/reference/docker-api
      upload: { strategy: 'put', status: 'none' },
      deleteAction: 'pull,push',
    })
    const gar = openGar(registry, tools)
    return {
      ...adapter,
      async ping(ctx) {
        try {
          await adapter.ping(ctx)
        } catch (error) {
          // Nobody may pull what is public, which shows by repository only.
          if (!(error instanceof CredentialError) || !/needs a credential/.test(error.message)) throw error
        }
      },
      repository: (name) => garRepository(adapter.repository(name), name, gar),
      namespaces: (ctx) => listNamespaces(gar, ctx),
      ensureNamespace: (namespace, { public: isPublic }, ctx) => ensureRepository(namespace, isPublic, gar, ctx),
      repositories: (wanted, ctx) => listRepositories(wanted, gar, ctx),
      listTags: (name, ctx) => listTags(name, gar, ctx),
      writeRules: (name, ctx) => writeRules(name, gar, ctx),
    }
  },
}
