/** `REPLICATE_RECORD` with clouds: what their own libraries send is recorded too, and no file holds a key, a signature or a token. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Exchange } from '../../src/http/record/record.ts'
import type { AdapterUnderTest } from '../contract/adapter/specimen.ts'
import { policyWith } from '../contract/round-trip.ts'
import { workplace } from '../e2e/harness.ts'
import { ALIBABA_KEY, startAcr as startAlibaba } from '../fakes/ali-acr.ts'
import { startEcr } from '../fakes/aws-ecr.ts'
import { AWS_KEY } from '../fakes/aws-ecr-control.ts'
import { startAcr as startAzure } from '../fakes/azure-acr.ts'
import { startGar } from '../fakes/google-gar.ts'
import { startFakeHarbor } from '../fakes/harbor.ts'
import { HUAWEI_KEY, startSwr } from '../fakes/huawei-swr.ts'
import { startTcr, TENCENT_KEY } from '../fakes/tencent-tcr.ts'
import { startVolcengine, VOLCENGINE_KEY } from '../fakes/volcengine-cr.ts'
import { image } from '../support/images.ts'
import type { MemoryRegistry } from '../support/memory-registry.ts'
import { startMemoryRegistry } from '../support/memory-registry.ts'

type Started = AdapterUnderTest & { readonly content: MemoryRegistry }

interface Cloud {
  readonly start: () => Promise<Started>
  /** The repository that is copied. */
  readonly repository: string
  readonly secret?: string
  /** What must be in a request and its answer, as text: how it signs in, and what its API says. */
  readonly said: readonly RegExp[]
}

const CLOUDS: Readonly<Record<string, Cloud>> = {
  'aws-ecr': {
    start: () => startEcr(),
    repository: 'contract/app',
    secret: AWS_KEY.secret,
    said: [/GetAuthorizationToken.*authorizationData/s, /DescribeImages.*imageDetails/s],
  },
  'google-gar': {
    start: () => startGar(),
    repository: 'proj/contract/app',
    said: [/\/token".*grant_type=.*expires_in/s],
  },
  'ali-acr': {
    start: () => startAlibaba({ edition: 'enterprise' }),
    repository: 'team/app',
    secret: ALIBABA_KEY.secret,
    said: [/ListRepoTag.*TotalCount/s],
  },
  'tencent-tcr': {
    start: () => startTcr(),
    repository: 'team/app',
    secret: TENCENT_KEY.secret,
    said: [/DescribeImages.*ImageVersion/s],
  },
  'huawei-swr': { start: () => startSwr(), repository: 'contract/app', secret: HUAWEI_KEY.secret, said: [/\/tags/] },
  'volcengine-cr': {
    start: () => startVolcengine(),
    repository: 'contract/app',
    secret: VOLCENGINE_KEY.secret,
    said: [/ListTags.*PushTime/s],
  },
  'azure-acr': { start: () => startAzure(), repository: 'contract/app', said: [/\/oauth2\/token/] },
}

/** What is long and no secret: digests, one of them without its algorithm. */
const HARMLESS = /sha256(:|-|%3A)[0-9a-f]{64}|Digest\\?": ?\\?"[0-9a-f]{64}|f{64}|"etag": "[^"]*"/gi

test.each(Object.entries(CLOUDS))('a run from %s is recorded whole, and without a secret', async (_name, cloud) => {
  const it = await cloud.start()
  onTestFinished(() => it.close())
  const mine = await startMemoryRegistry()
  onTestFinished(() => mine.close())
  it.content.add(cloud.repository, image(), 'v1')
  const work = workplace({ ...it.env, SECRET: it.registry.credential?.password ?? '', REPLICATE_RECORD: 'said' })
  const { outcome } = await work.run(policyWith(it, mine.url, `it/${cloud.repository}`, 'mine/mirror'))
  expect(outcome.exitCode).toBe(0)

  const directory = join(work.directory, 'said')
  const texts = readdirSync(directory).map((name) => readFileSync(join(directory, name), 'utf8'))
  const found = cloud.said.filter((said) => texts.some((text) => said.test(text)))
  expect(found).toEqual(cloud.said)
  // The registry is sent nothing that is not among them.
  const exchanges = texts.map((text) => JSON.parse(text) as Exchange)
  const paths = new Set(exchanges.map(({ request }) => `${request.method} ${new URL(request.url).pathname}`))
  const sent = it.content.requests.map(({ method, path }) => `${method} ${path.split('?')[0]}`)
  expect(sent.filter((line) => !paths.has(line))).toEqual([])

  const all = texts.join('').replace(HARMLESS, '')
  const secrets = [cloud.secret, it.env.REPLICATE_IT_PASSWORD].filter((one) => one !== undefined && all.includes(one))
  expect(secrets).toEqual([])
  const shown = exchanges
    .flatMap(({ request, answer }) => [request.headers, 'headers' in answer ? answer.headers : {}])
    .flatMap((headers) => Object.entries(headers))
    .filter(([name, value]) => SECRET_HEADER.test(name) && !/^([\w-]+ )?\*\*\*$/.test(value))
  expect(shown).toEqual([])
  expect([...all.matchAll(SECRET_LOOKS)].map(([looks]) => looks)).toEqual([])
})

const SECRET_HEADER = /authorization|cookie|token$|signature|x-(amz|sdk|acs|tc)-(date|.*nonce|content)|content-sha256/i
/** Signatures, keys and tokens. */
const SECRET_LOOKS =
  /(?<![0-9a-f])[0-9a-f]{40,}|Signature=(?!\*\*\*).{10}|eyJ[\w-]{8,}\..{10}|ya29\..{10}|.{20}PRIVATE KEY/g

test('a cookie of Harbor is not recorded', async () => {
  const it = await startFakeHarbor()
  onTestFinished(() => it.close())
  const mine = await startMemoryRegistry()
  onTestFinished(() => mine.close())
  await it.seed('contract/app', 'v1', image())
  const work = workplace({ ...it.env, REPLICATE_RECORD: 'said' })
  expect((await work.run(policyWith(it, mine.url, 'it/contract/app', 'mine/mirror'))).outcome.exitCode).toBe(0)
  const directory = join(work.directory, 'said')
  const all = readdirSync(directory)
    .map((name) => readFileSync(join(directory, name), 'utf8'))
    .join('')
  expect(all).toContain('"set-cookie": "***"')
  expect(all).not.toContain('sid=')
  expect(all).not.toContain(it.env.REPLICATE_IT_PASSWORD ?? 'absent')
})
