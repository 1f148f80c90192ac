/** No secret in what the program says or keeps: output, errors, `--json`, logs, the history's bytes. */

import { once } from 'node:events'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { image } from '../support/images.ts'
import { registry } from '../support/registries.ts'
import { policyBetween } from './harness.ts'
import { type Ended, type Program, program } from './program.ts'

const PASSWORD = 'p4ss/w+rd:ünïque#1'
const WRONG = 'wr0ng/w+rd:ünïque#2'

/** Every form in which a password could have been written down. */
function formsOf(password: string): readonly string[] {
  const pair = `ann:${password}`
  const plain = [password, encodeURIComponent(password), JSON.stringify(password).slice(1, -1)]
  return [...plain, ...[password, pair].flatMap((text) => [base64(text), base64(text).replace(/=+$/, '')])]
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

/** Looks through all that was said and kept, as bytes. */
function expectNoSecret(here: Program, ended: readonly Ended[], secrets: readonly string[]): void {
  const places = new Map(here.state())
  ended.forEach(({ stdout, stderr }, at) => {
    places.set(`output ${at}`, Buffer.from(stdout + stderr))
  })
  expect(places.get(join(here.home, 'history.db')) ?? [...places.keys()]).toBeInstanceOf(Buffer)
  for (const [place, bytes] of places) {
    for (const secret of secrets) expect(bytes.includes(secret), `${secret} in ${place}`).toBe(false)
  }
}

/** What says most. */
const SHORT: readonly (readonly string[])[] = [
  ['run', 'policy.yaml', '-vv'],
  ['run', 'policy.yaml', '--json', '-vv'],
  ['executions', 'logs', '1', '--level', 'debug'],
  ['registries', 'ping', '--config', 'policy.yaml'],
]

const ALL: readonly (readonly string[])[] = [
  ...SHORT,
  ['plan', 'policy.yaml', '--explain'],
  ['executions', 'show', '1', '--json'],
  ['config', 'show', 'policy.yaml'],
  ['config', 'show', 'policy.yaml', '--json'],
  ['registries', 'list', '--config', 'policy.yaml', '--json'],
  ['policies', 'list', '--config', 'policy.yaml', '--json'],
]

test.each(['basic', 'bearer'] as const)('a credential that works, and one that does not (%s)', async (kind) => {
  const auth = { kind, user: 'ann', password: PASSWORD }
  const [source, destination] = [await registry({ auth }), await registry({ auth })]
  for (let number = 0; number < 3; number += 1) source.add('app', image({ seed: number }), `v${number}`)
  const yaml = policyBetween(source.url, destination.url)
  for (const [password, code, looks] of [
    [PASSWORD, 0, ALL],
    [WRONG, 3, SHORT],
  ] as const) {
    const here = program({ A_SECRET: password, REPLICATE_TO_USERNAME: 'ann', REPLICATE_TO_PASSWORD: password })
    const credential = `credential: { type: basic, username: ann, password: '\${A_SECRET}' }`
    here.write('policy.yaml', yaml.replace(`url: ${source.url}`, `url: ${source.url}, ${credential}`))
    const ended: Ended[] = []
    for (const look of looks) ended.push(await here.run(look))
    expect(ended[0], ended[0]?.stderr).toMatchObject({ code, stderr: expect.stringContaining(`GET ${source.url}/v2/`) })
    expectNoSecret(here, ended, formsOf(password))
  }
})

test('a token, a password in a URL, and a secret that a registry repeats', async () => {
  const token = 'tok3n.of.many-letters'
  const source = await registry({
    fault: ({ route }) =>
      route === 'tags'
        ? { status: 403, body: `{"errors":[{"code":"DENIED","message":"not with ${token}"}]}` }
        : undefined,
  })
  source.add('app', image(), 'v1')
  const here = program({ A_TOKEN: token })
  here.write(
    'policy.yaml',
    policyBetween(source.url, 'http://localhost:1')
      .replace(`url: ${source.url}`, `url: ${source.url}, credential: { type: token, token: '\${A_TOKEN}' }`)
      .replace('type: docker-registry, url: http://localhost:1', 'type: oci-layout, path: ./copy'),
  )
  const ended: Ended[] = []
  for (const look of SHORT) ended.push(await here.run(look))
  expect(ended[0]).toMatchObject({ code: 1, stderr: expect.stringContaining('DENIED') })
  expectNoSecret(here, ended, formsOf(token))

  here.write('url.yaml', policyBetween(`http://ann:${encodeURIComponent(PASSWORD)}@localhost:1`, 'http://localhost:2'))
  const refused = await here.run(['run', 'url.yaml'])
  expect(refused.code).toBe(2)
  expectNoSecret(here, [refused], formsOf(PASSWORD))
})

test('what `docker login` left in its file', async () => {
  const auth = { kind: 'bearer', user: 'ann', password: PASSWORD } as const
  const [source, destination] = [await registry({ auth }), await registry({ auth })]
  source.add('app', image(), 'v1')
  const here = program()
  here.write('policy.yaml', policyBetween(source.url, destination.url))
  here.write(
    'config.json',
    JSON.stringify({
      auths: {
        [source.host]: { auth: base64(`ann:${PASSWORD}`) },
        [destination.host]: { auth: base64(`ann:${PASSWORD}`) },
      },
    }),
  )
  const ended: Ended[] = []
  for (const look of SHORT) ended.push(await here.run(look, { env: { DOCKER_CONFIG: here.directory } }))
  expect(ended[0], ended[0]?.stderr).toMatchObject({ code: 0 })
  expectNoSecret(here, ended, formsOf(PASSWORD))
})

test('the address of a webhook that its server repeats, and what the environment gave to a command', async () => {
  const hook = createServer((request, response) => {
    response.statusCode = 503
    response.end(`no upstream for ${request.url}`)
  })
  await once(hook.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void hook.close())
  const address = hook.address()
  const port = typeof address === 'object' ? address?.port : 0
  const source = await registry()
  source.add('app', image(), 'v1')
  const part = 'T0001x9-hidden'
  const token = 'k3y-of-the-pager'
  const here = program({ HOOK: `http://127.0.0.1:${port}/services/${part}`, PAGER_TOKEN: token })
  here.write(
    'policy.yaml',
    policyBetween(
      source.url,
      'http://localhost:1',
      `    notify: [{on: succeeded, webhook: "\${HOOK}"}, {on: succeeded, exec: [no-such-command, "--token=\${PAGER_TOKEN}"]}]`,
    ).replace('type: docker-registry, url: http://localhost:1', 'type: oci-layout, path: ./copy'),
  )
  const ended: Ended[] = []
  for (const look of ALL.filter(([command]) => command !== 'registries')) ended.push(await here.run(look))
  ended.push(await here.run(['policies', 'show', 'copy', '--config', 'policy.yaml']))
  expect(ended[0], ended[0]?.stderr).toMatchObject({ code: 0, stderr: expect.stringContaining('no upstream for') })
  expect(ended.at(-1)?.stdout).toContain(`--token=\${PAGER_TOKEN}`)
  expectNoSecret(here, ended, [part, token])
})
