/** What a run says of what it copied: lines, objects, digests, logs. */

import { expect, test } from 'vitest'
import { SMALL_BLOB } from '../../src/core/content.ts'
import { image, index, referrer } from '../support/images.ts'
import { randomBytes } from '../support/random.ts'
import { registry } from '../support/registries.ts'
import { policyBetween } from './harness.ts'
import { program } from './program.ts'

const FILTERS = `
    override: true
    deletion: mirror
    max_deletions: 5
    filters: { platforms: [linux/amd64], platforms_index: narrow }
`

function objects(text: string): readonly Record<string, unknown>[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

function without({ type: _, ...rest }: Record<string, unknown>): Record<string, unknown> {
  return rest
}

test('the objects of a run are those that `executions show` has afterwards, whatever became of a task', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('app', image({ seed: 'new' }), 'new')
  source.add('app', image({ seed: 'now' }), 'changed')
  source.add(
    'app',
    index([image({ seed: 'a' }), image({ seed: 'b', platform: { os: 'linux', architecture: 'arm64' } })]),
    'wide',
  )
  destination.add('mirror/app', image({ seed: 'before' }), 'changed')
  destination.add('mirror/app', image({ seed: 'gone' }), 'gone')
  const here = program()
  here.write('policy.yaml', policyBetween(source.url, destination.url, FILTERS))
  const first = objects((await here.run(['run', 'policy.yaml', '--json'])).stdout)

  const broken = image({ seed: 'broken' })
  source.add('app', broken, 'broken')
  source.repository('app').blobs.clear()
  const second = objects((await here.run(['run', 'policy.yaml', '--json'])).stdout)

  for (const [id, lines, statuses] of [
    ['1', first, ['succeeded', 'succeeded', 'succeeded', 'succeeded']],
    ['2', second, ['failed']],
  ] as const) {
    const { tasks, ...execution } = await here.execution(id)
    const byNumber = (a: Record<string, unknown>, b: Record<string, unknown>) => Number(a.id) - Number(b.id)
    expect(
      lines
        .filter(({ type }) => type === 'task')
        .map(without)
        .sort(byNumber),
    ).toEqual(tasks)
    expect(tasks.map(({ status }) => status)).toEqual(statuses)
    const executions = lines.filter(({ type }) => type === 'execution').map(without)
    expect(executions[0]).toMatchObject({
      id: Number(id),
      policy: 'copy',
      status: 'preparing',
      total: 0,
      end_time: null,
    })
    expect(executions[1]).toEqual(execution)
    expect(lines.at(-1)).toMatchObject({ type: 'exit', executions: [execution] })
    for (const { time } of lines.filter(({ type }) => type === 'log'))
      expect(new Date(String(time)).toISOString()).toBe(time)
  }
})

test('a task says what was written, also where that is not what the source has', async () => {
  const [source, destination] = [await registry(), await registry()]
  const whole = index([image({ seed: 'a' }), image({ seed: 'b', platform: { os: 'linux', architecture: 'arm64' } })])
  source.add('app', whole, 'wide')
  const here = program()
  here.write('policy.yaml', policyBetween(source.url, destination.url, FILTERS))
  await here.run(['run', 'policy.yaml'])
  const written = destination.repository('mirror/app').tags.get('wide')
  expect((await here.execution('1')).tasks).toMatchObject([{ digest: whole.digest, dest_digest: written }])
  expect(written).not.toBe(whole.digest)
})

test('copy ends with the digests that it wrote, one a line on standard output', async () => {
  const [source, destination] = [await registry(), await registry()]
  const [one, two] = [image({ seed: 1 }), image({ seed: 2 })]
  source.add('app', one, 'v1')
  source.add('app', two, 'v2')
  const [from, to] = [source, destination].map(({ url }) => url.replace('http://', ''))
  const here = program()
  const first = await here.run(['copy', `${from}/app:v1`, `${to}/app:v1`])
  expect(first).toMatchObject({ code: 0 })
  expect(first.stdout.trimEnd().split('\n').at(-1)).toBe(`${to}/app:v1@${one.digest}`)
  const both = await here.run(['copy', `${from}/app:*`, `${to}/other/`])
  expect(both.stdout).toMatch(new RegExp(`\n${to}/other/app:v1@${one.digest}\n${to}/other/app:v2@${two.digest}\n$`))
  // What is there already counts too: the line says where the image is, and under which digest.
  const again = await here.run(['copy', `${from}/app:v1`, `${to}/app:v1`])
  expect(again).toMatchObject({ code: 0, stdout: expect.stringMatching(`\n${to}/app:v1@${one.digest}\n$`) })
  const json = objects((await here.run(['copy', `${from}/app:v1`, `${to}/app:v1`, '--json'])).stdout)
  expect(json.at(-2)).toMatchObject({ type: 'result', resource: `${to}/app:v1`, digest: one.digest })
  const byDigest = await here.run(['copy', `${from}/app@${two.digest}`, `${to}/byte/`])
  expect(byDigest.stdout).toMatch(new RegExp(`\n${to}/byte/app@${two.digest}\n$`))
  expect(await here.run(['copy', `${from}/app:v1`, `${to}/quiet:v1`, '--quiet'])).toMatchObject({ code: 0, stdout: '' })
})

test('the log of a task that succeeded tells its story: what was copied, mounted, there already, found, tried again', async () => {
  const source = await registry({
    fault: ({ route, method }, seen) =>
      route === 'blob' && method === 'GET' && seen === 0 ? { status: 503 } : undefined,
  })
  const destination = await registry()
  const base = [randomBytes(SMALL_BLOB + 1, 'base')]
  const signed = image({ seed: 'one', base })
  source.add('app', signed, 'v1')
  source.add('app', referrer(signed.descriptor))
  source.add('tool', image({ seed: 'two', base }), 'v1')
  const here = program()
  here.write('policy.yaml', policyBetween(source.url, destination.url, '    filters: { name: [app] }'))
  expect(await here.run(['run', 'policy.yaml'])).toMatchObject({ code: 0 })
  const story = (await here.run(['executions', 'logs', '1', '1'])).stdout
  const [layer] = signed.blobs.keys()
  expect(story).toMatch(new RegExp(`copied ${layer} \\(.*B\\)\\n`))
  expect(story).toMatch(/GET \/v2\/app\/blobs\/\S+: 503 Service Unavailable; again in \d+ ms\n/)
  expect(story).toContain('1 referrer found\n')
  expect(story).toContain(`wrote manifest ${signed.digest} as v1, digest verified\n`)

  // The base is mounted from the repository that has it.
  const both = policyBetween(source.url, destination.url, '    filters: { name: [tool] }')
  here.write('both.yaml', both)
  expect(await here.run(['run', 'both.yaml'])).toMatchObject({ code: 0 })
  expect((await here.run(['executions', 'logs', '2', '1'])).stdout).toMatch(
    /mounted sha256:\S+ \([^)]+ [KM]iB\) from mirror\/app\n/,
  )

  // A further tag with the same base, in a repository that is there.
  source.add('tool', image({ seed: 'three', base }), 'v2')
  expect(await here.run(['run', 'both.yaml'])).toMatchObject({ code: 0 })
  expect((await here.run(['executions', 'logs', '3', '1'])).stdout).toMatch(
    /sha256:\S+ \([^)]+ [KM]iB\) was already there\n/,
  )
})

test('the story of a task has an end, however many layers its image has', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('app', image({ layers: 300, size: 10 }), 'v1')
  const here = program()
  here.write('policy.yaml', policyBetween(source.url, destination.url))
  expect(await here.run(['run', 'policy.yaml'])).toMatchObject({ code: 0 })
  const lines = (await here.run(['executions', 'logs', '1', '1'])).stdout.trimEnd().split('\n')
  expect(lines).toHaveLength(200)
  expect(lines.at(-1)).toContain('what follows is not listed')
})
