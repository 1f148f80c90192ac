/** The notifications of distribution as they come, and what they tell. */

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
