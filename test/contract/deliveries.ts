/** Webhooks of distribution, and of others that are used as plain registries, as they come, and what they tell. */

import type { Delivery } from '../../src/core/adapter.ts'
import type { AdapterSpecimen } from './adapter/specimen.ts'

const digest = `sha256:${'b'.repeat(64)}` as const
const repository = 'g/p/app'
const mediaType = 'application/vnd.oci.image.manifest.v1+json'
const timestamp = '2026-01-02T03:04:05.123456789Z'
const time = new Date(timestamp)
const headers = { 'content-type': 'application/vnd.docker.distribution.events.v2+json' }

export const DISTRIBUTION_DELIVERIES: NonNullable<AdapterSpecimen['deliveries']> = [
  {
    delivery: {
      headers,
      body: {
        events: [
          {
            id: 'e1',
            timestamp,
            action: 'push',
            target: { mediaType, digest, repository, tag: 'v1', size: 7, url: '…' },
          },
          {
            id: 'e2',
            timestamp,
            action: 'push',
            target: { mediaType: 'application/octet-stream', digest, repository },
          },
          { id: 'e3', timestamp, action: 'pull', target: { mediaType, digest, repository, tag: 'v1' } },
          { id: 'e4', timestamp, action: 'mount', target: { digest, repository, fromRepository: 'g/other' } },
          { id: 'e5', timestamp, action: 'delete', target: { repository, tag: 'v0' } },
          { id: 'e6', timestamp, action: 'delete', target: { repository, digest } },
          { id: 'e7', action: 'rename' },
        ],
      },
    },
    events: [
      { action: 'push', repository, tag: 'v1', digest, time, id: 'e1' },
      { action: 'delete', repository, tag: 'v0', time, id: 'e5' },
      { action: 'delete', repository, digest, time, id: 'e6' },
    ],
  },
]

const mirantis = (type: string, contents: Readonly<Record<string, string>>) => ({
  delivery: {
    headers: { 'content-type': 'application/json' },
    body: {
      type,
      createdAt: timestamp,
      contents: {
        namespace: 'g',
        repository: 'app',
        imageName: 'msr.example.com/g/app',
        os: 'linux',
        architecture: 'amd64',
        author: 'somebody',
        ...contents,
      },
      location: '/repositories/g/app',
    },
  },
})

export const tencentDelivery = (type: string, resource: Readonly<Record<string, string>>): Delivery => ({
  headers: { 'content-type': 'application/json' },
  body: {
    type,
    occur_at: 1589106605,
    event_data: {
      resources: [{ ...resource, resource_url: 'x.tencentcloudcr.com/public/nginx:v1.10.0' }],
      repository: { name: 'nginx', namespace: 'public', repo_full_name: 'public/nginx', repo_type: 'public' },
    },
    operator: '332133',
  },
})
const tencent = (type: string, resource: Readonly<Record<string, string>>) => ({
  delivery: tencentDelivery(type, resource),
})
const then = new Date(1589106605_000)

export const MIRANTIS_DELIVERIES: NonNullable<AdapterSpecimen['deliveries']> = [
  {
    ...mirantis('TAG_PUSH', { tag: 'v1', digest, pushedAt: timestamp }),
    events: [{ action: 'push', repository: 'g/app', tag: 'v1', digest, time }],
  },
  {
    ...mirantis('TAG_DELETE', { tag: 'v1', digest, deletedAt: timestamp }),
    events: [{ action: 'delete', repository: 'g/app', tag: 'v1', digest, time }],
  },
  {
    ...mirantis('MANIFEST_DELETE', { digest }),
    events: [{ action: 'delete', repository: 'g/app', digest, time }],
  },
  {
    ...mirantis('SCAN_COMPLETED', { tag: 'v1', digest }),
    events: [{ action: 'scan', repository: 'g/app', tag: 'v1', digest, time }],
  },
  { ...mirantis('TAG_PULL', { tag: 'v1', digest }), events: [] },
  { ...mirantis('REPO_CREATED', {}), events: [] },
]

/** Mirantis Secure Registry, Tencent Container Registry, Harbor and zot. */
export const PLAIN_DELIVERIES: NonNullable<AdapterSpecimen['deliveries']> = [
  ...MIRANTIS_DELIVERIES,
  {
    ...tencent('pushImage', { digest, tag: 'v1.10.0' }),
    events: [{ action: 'push', repository: 'public/nginx', tag: 'v1.10.0', digest, time: then }],
  },
  {
    ...tencent('deleteImage', { tag: 'v1.10.0' }),
    events: [{ action: 'delete', repository: 'public/nginx', tag: 'v1.10.0', time: then }],
  },
  { ...tencent('uploadChart', { tag: 'v1.10.0' }), events: [] },
  {
    delivery: {
      headers: { 'content-type': 'application/cloudevents+json' },
      body: {
        specversion: '1.0',
        id: 'h1',
        type: 'harbor.artifact.pushed',
        time: timestamp,
        data: {
          resources: [{ digest, tag: 'v1' }],
          repository: { name: 'app', namespace: 'g', repo_full_name: 'g/app', repo_type: 'private' },
        },
      },
    },
    events: [{ action: 'push', repository: 'g/app', tag: 'v1', digest, time, id: 'h1' }],
  },
  {
    delivery: {
      headers: { 'ce-type': 'zotregistry.image.updated', 'ce-id': 'z1', 'ce-time': timestamp },
      body: { name: 'g/app', reference: 'v1', digest },
    },
    events: [{ action: 'push', repository: 'g/app', tag: 'v1', digest, time, id: 'z1' }],
  },
]
