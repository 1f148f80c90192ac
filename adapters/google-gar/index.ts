/** Google's Artifact Registry and the gcr.io names that live on in it: content and lists from the registry, the rest by its API. */

import type { AdapterType } from '../../src/core/adapter.ts'

export const googleGar: AdapterType = {
  identity: 'google-gar',
  name: 'Google Artifact Registry',
  description: 'Google Artifact Registry (pkg.dev) and gcr.io',
  hosts: [/\.pkg\.dev$/, /^([a-z]+\.)?gcr\.io$/],
  harborType: 'google-gcr',
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  depth: { min: 2 },
  listing: 'one call gives up to 10,000 manifests of a repository with their tags and digests',
  credentials: ['anonymous', 'basic', 'token', 'service_account', 'google'],
  checked:
    "a fake with its API, and one of Google's token server, which checks signatures; not run against the live service",
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
    {
      name: 'hook_service_account',
      description:
        'The account of the Pub/Sub push subscription, NAME@PROJECT.iam.gserviceaccount.com: only what its token signs is a webhook',
      type: 'text',
    },
    { name: 'hook_audience', description: 'The audience of that token, as the push subscription has it', type: 'text' },
    {
      name: 'keys_url',
      description: "Where Google's keys for such tokens are; default https://www.googleapis.com/oauth2/v1/certs",
      type: 'text',
    },
  ],
  signIn: async (found, registry, tools) => (await import('./sign-in.ts')).signIn(found, registry, tools),
  hooks: {
    events: ['push', 'delete'],
    setup:
      'a push subscription of the Pub/Sub topic `gcr` to URL, with authentication enabled: its service account and audience are the options `hook_service_account` and `hook_audience`, and no `hook_secret` is needed. Without authentication the endpoint is `URL?token=SECRET`.',
    verifiedBy: 'hook_service_account',
  },
  parseEvents: async (delivery) => (await import('./events.ts')).parseEvents(delivery),
  open: async (registry, tools) => (await import('./open.ts')).open(registry, tools),
}
