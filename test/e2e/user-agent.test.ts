/** What requests call this program. */

import { expect, test } from 'vitest'
import metadata from '../../package.json' with { type: 'json' }
import { image } from '../support/images.ts'
import { registry } from '../support/registries.ts'
import { policyBetween } from './harness.ts'
import { program } from './program.ts'

test('is what the registry says, and `replicate` with its version for all others', async () => {
  const [from, to] = await Promise.all([
    registry({ auth: { kind: 'bearer', user: 'ann', password: 'right' } }),
    registry(),
  ])
  from.add('library/app', image({ seed: 'named' }), '1')
  const here = program({ REPLICATE_FROM_USERNAME: 'ann', REPLICATE_FROM_PASSWORD: 'right', REPLICATE_CONFIG: 'p.yaml' })
  here.write(
    'p.yaml',
    policyBetween(from.url, to.url).replace(`url: ${from.url}`, `url: ${from.url}, user_agent: acme-mirror/1`),
  )
  expect(await here.run(['run'])).toMatchObject({ code: 0 })
  expect(await here.run(['registries', 'ping'])).toMatchObject({ code: 0 })
  const agents = (one: typeof from) => [...new Set(one.requests.map(({ headers }) => headers['user-agent']))]
  expect([agents(from), agents(to)]).toEqual([['acme-mirror/1'], [`replicate/${metadata.version}`]])
})

test('holds no line break and nothing but ASCII', async () => {
  const here = program()
  for (const agent of ['"a\\r\\nx: y"', 'ä/1', '""']) {
    here.write(
      'p.yaml',
      policyBetween('http://127.0.0.1:1', 'http://127.0.0.1:2').replace(
        'url: http://127.0.0.1:1',
        `url: "http://127.0.0.1:1", user_agent: ${agent}`,
      ),
    )
    expect(await here.run(['policies', 'validate', 'p.yaml'])).toMatchObject({ code: 2 })
  }
})
