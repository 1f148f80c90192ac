/** The registry of Cloudflare's containers. */

import type { AdapterType } from '../../src/core/adapter.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { hintedAdapter } from '../explain.ts'

export const cloudflare: AdapterType = {
  identity: 'cloudflare',
  name: 'Cloudflare Registry',
  description: 'registry.cloudflare.com, which the containers of Cloudflare are started from',
  hosts: [/^registry\.cloudflare\.com$/],
  home: 'https://registry.cloudflare.com',
  resources: ['image'],
  filters: ['name', 'tag', 'resource'],
  depth: { min: 2 },
  listing: 'the catalogue and tag lists, then one HEAD a tag',
  credentials: ['basic'],
  checked: 'a fake; not run against the live service',
  quirks: [
    'User and password are made for some minutes: wrangler containers registries credentials registry.cloudflare.com --push --pull.',
    'The first part of a name is the ID of the account; others are refused.',
    'It is meant for what Cloudflare runs: images for linux/amd64.',
    'It sends no webhooks: poll looks there.',
  ],
  open: (registry, tools) =>
    hintedAdapter(
      ociRegistry(registry, tools),
      'a name begins with the ID of the account, for which the credential was made',
    ),
}
