/** Classic chart repositories: an index.yaml and archives, served by any web server. */

import type { AdapterType } from '../../src/core/adapter.ts'

export const helmHttp: AdapterType = {
  identity: 'helm-http',
  name: 'Helm repository',
  description: 'a classic chart repository, as `helm repo add` takes it: an index.yaml on any web server; read only',
  short: 'charts',
  isReadOnly: true,
  greeting: 'GET index.yaml',
  resources: ['chart'],
  filters: ['name', 'tag', 'label', 'deprecated'],
  listing:
    'index.yaml names every chart and version with the digest of its archive: one request, and only where it has changed',
  credentials: ['anonymous', 'basic', 'token'],
  checked: 'a fake, and real Helm and distribution for what it makes of charts',
  preemptive: true,
  options: [
    { name: 'namespace', type: 'text', description: 'what stands before the names of its charts, such as `bitnami`' },
    {
      name: 'query',
      type: 'text',
      description: 'what stands after the ? of every URL of the repository, such as `token=…`',
    },
    {
      name: 'pass_credentials',
      type: 'flag',
      description: 'send the credential also to other hosts that the index names; default false',
    },
  ],
  quirks: [
    'A chart is presented as the artifact that `helm push` of Helm 4 makes of it, byte for byte; `created` is that of the index.',
    'A + in a version is a _ in the tag, as Helm writes it.',
    'Labels are the keywords of the index.',
    'Where the index has no digest, or a wrong one, the archive is read once and then asked for only where it has changed.',
    'A provenance file (.prov) beside the archive goes along.',
    'Charts that the index has at oci:// addresses are read there, with the credential of that host; one HEAD each tells whether they changed.',
  ],
  open: async (registry, tools) => (await import('./open.ts')).open(registry, tools),
}
