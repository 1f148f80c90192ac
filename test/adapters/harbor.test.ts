/** Harbor, by the contract of all adapters: on its fake and on a real one. */

import { expect, onTestFinished, test } from 'vitest'
import type { AdapterSpecimen } from '../contract/adapter/specimen.ts'
import { describeAdapter } from '../contract/adapter/suite.ts'
import { connect } from '../contract/opened.ts'
import { FAKE_ADMIN, startFakeHarbor } from '../fakes/harbor.ts'
import { HARBOR_ADMIN, missingHarbor, startHarbor } from '../support/harbor.ts'
import { image } from '../support/images.ts'
import { seed } from '../support/seed.ts'
import { pusherOf } from './harbor-setup.ts'

const PUSHED = `sha256:${'4d'.repeat(32)}` as const
const GONE = `sha256:${'30'.repeat(32)}` as const

const specimen: AdapterSpecimen = {
  identity: 'harbor',
  listing: /^GET \/api\/v2\.0\/projects\/[^/]+\/repositories\/[^/]+\/artifacts/,
  // Not the admin's name: after a wrong password Harbor refuses the right one for a while.
  wrong: { REPLICATE_IT_USERNAME: 'somebody', REPLICATE_IT_PASSWORD: 'wrong' },
  create: 'namespace',
  creation: {
    namespace: 'made',
    lookup: /^HEAD \/api\/v2\.0\/projects/,
    absent: { status: 404 },
  },
  deliveries: [
    {
      delivery: {
        headers: { 'content-type': 'application/json' },
        body: {
          type: 'PUSH_ARTIFACT',
          occur_at: 1795240015,
          operator: 'admin',
          event_data: {
            resources: [{ digest: PUSHED, tag: '1.0', resource_url: '127.0.0.1:18080/mine/team/app:1.0' }],
            repository: {
              date_created: 1795240015,
              name: 'team/app',
              namespace: 'mine',
              repo_full_name: 'mine/team/app',
              repo_type: 'private',
            },
          },
        },
      },
      events: [
        {
          action: 'push',
          repository: 'mine/team/app',
          tag: '1.0',
          digest: PUSHED,
          time: new Date(1795240015000),
        },
      ],
    },
    {
      // What has no tag has its digest in the tag's place.
      delivery: {
        headers: { 'content-type': 'application/cloudevents+json' },
        body: {
          specversion: '1.0',
          id: '57a133f8-0000-4000-8000-000000000000',
          source: '/projects/30/webhook/policies/4',
          type: 'harbor.artifact.deleted',
          datacontenttype: 'application/json',
          time: '2026-11-21T05:48:26Z',
          data: {
            resources: [{ digest: GONE, tag: GONE, resource_url: `127.0.0.1:18080/mine/team/app@${GONE}` }],
            repository: {
              name: 'team/app',
              namespace: 'mine',
              repo_full_name: 'mine/team/app',
              repo_type: 'private',
            },
          },
          operator: 'robot$mirror',
          requestid: '0e86228f-0000-4000-8000-000000000000',
        },
      },
      events: [
        {
          action: 'delete',
          repository: 'mine/team/app',
          digest: GONE,
          time: new Date('2026-11-21T05:48:26Z'),
          id: '57a133f8-0000-4000-8000-000000000000',
        },
      ],
    },
    {
      delivery: {
        headers: { 'content-type': 'application/json' },
        body: {
          type: 'SCANNING_COMPLETED',
          occur_at: 1795240015,
          operator: 'auto',
          event_data: {
            resources: [
              { digest: PUSHED, tag: '1.0', scan_overview: { 'application/vnd.security.x': { severity: 'None' } } },
            ],
            repository: { name: 'team/app', namespace: 'mine', repo_full_name: 'mine/team/app', repo_type: 'private' },
          },
        },
      },
      events: [
        { action: 'scan', repository: 'mine/team/app', tag: '1.0', digest: PUSHED, time: new Date(1795240015000) },
      ],
    },
    {
      delivery: {
        headers: {},
        body: {
          type: 'QUOTA_EXCEED',
          occur_at: 1795240015,
          event_data: { repository: { repo_full_name: 'mine/app' }, custom_attributes: { Details: 'adding 4.9 KiB' } },
        },
      },
      events: [],
    },
    ...[{ occur_at: 1e300 }, { specversion: '1.0', id: 'e', time: 'soon' }].map((odd) => {
      const data = { resources: [{ digest: PUSHED, tag: '1.0' }], repository: { repo_full_name: 'mine/app' } }
      const envelope =
        'id' in odd ? { type: 'harbor.artifact.pushed', data } : { type: 'PUSH_ARTIFACT', event_data: data }
      const event = { action: 'push', repository: 'mine/app', tag: '1.0', digest: PUSHED } as const
      return {
        delivery: { headers: {}, body: { ...envelope, ...odd } },
        events: ['id' in odd ? { ...event, id: 'e' } : event],
      }
    }),
  ],
}

describeAdapter('harbor', () => startFakeHarbor(), {
  ...specimen,
  thousand: 12,
  wrong: { REPLICATE_IT_USERNAME: FAKE_ADMIN.user, REPLICATE_IT_PASSWORD: 'wrong' },
})

describeAdapter(
  'a real Harbor',
  async () => {
    const { url, api, stop } = await startHarbor()
    const pusher = await pusherOf({ api })
    await api('POST', '/projects', { project_name: 'contract', metadata: { public: 'false' } })
    return {
      registry: { name: 'it', type: 'harbor', url },
      env: { REPLICATE_IT_USERNAME: HARBOR_ADMIN.user, REPLICATE_IT_PASSWORD: HARBOR_ADMIN.password },
      namespace: 'contract',
      seed: async (repository, tag, artifact) => {
        await seed(url, repository, tag, artifact, pusher)
      },
      close: stop,
    }
  },
  { ...specimen, real: true, available: missingHarbor().length === 0 },
)

test('reads a list to its end where something is deleted behind every page', async () => {
  const it = await startFakeHarbor()
  onTestFinished(() => it.close())
  const one = image({ seed: 'many' })
  const artifacts = Array.from({ length: 250 }, (_, at) =>
    image({ seed: 'many', layers: 0, annotations: { at: `${at}` } }),
  )
  for (const [at, artifact] of artifacts.entries())
    it.content.add('contract/many', { ...artifact, blobs: one.blobs }, `v${at}`)
  const { endpoint, ctx } = await connect(it)
  const { manifests, tags } = it.content.repository('contract/many')
  const found: string[] = []
  for await (const info of endpoint.adapter.listTags?.('contract/many', ctx) ?? []) {
    found.push(typeof info === 'string' ? `missed ${info}` : (info.tag ?? ''))
    const at = found.length / 50 - 1
    // While the second page is read, and the third, which sends it back to the second.
    if (!Number.isInteger(at) || found.length < 150) continue
    manifests.delete(artifacts[at]?.digest ?? one.digest)
    tags.delete(`v${at}`)
  }
  expect(found.toSorted()).toEqual(artifacts.map((_, at) => `v${at}`).toSorted())
})
