/** ChartMuseum, and what Harbor up to 2.7 and others have of it: classic chart repositories that can be written. */

import type { AdapterType } from '../../src/core/adapter.ts'

export const chartmuseum: AdapterType = {
  identity: 'chartmuseum',
  name: 'ChartMuseum',
  description: 'ChartMuseum, with any depth of tenants; also the chart repositories of Harbor 1.6 to 2.7',
  short: 'charts',
  greeting: 'GET index.yaml',
  resources: ['chart'],
  filters: ['name', 'tag', 'label', 'deprecated'],
  depth: { min: 1 },
  listing:
    'the index of each tenant names every chart and version with the digest of its archive: one request a tenant',
  credentials: ['anonymous', 'basic', 'token'],
  checked: 'ChartMuseum 0.16 with its flags, and real Helm; the API of old Harbors by a proxy before it',
  options: [
    {
      name: 'api',
      type: 'text',
      values: ['chartmuseum', 'chartrepo'],
      description: '`chartrepo`: that of Harbor 1.6 to 2.7, whose projects are the tenants; default `chartmuseum`',
    },
  ],
  quirks: [
    'A chart is a repository below its tenant: with --depth=2 the names are ORG/REPO/CHART.',
    'Tenants cannot be listed: name them in the filter (name: org/repo/*), or put them into url. They need not be created.',
    'A chart is posted under the name and version that are in it, so the last part of a name cannot be changed, and a tag must be the version.',
    'Of an artifact only the archive and its provenance are kept; signatures of its manifest stay behind.',
    'The server may refuse to overwrite (--disable-force-overwrite), to delete (--disable-delete), and more than --max-upload-size, 20 MiB by default.',
    'With --per-chart-limit it deletes the oldest version of a chart when a new one comes.',
  ],
  open: async (registry, tools) => (await import('./open.ts')).open(registry, tools),
}
